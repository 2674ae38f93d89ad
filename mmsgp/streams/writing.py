"""Write what becomes of a stream: JSON lines, an annotated video and a timeline."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from mmsgp.visualization.colors import class_colors

from .annotate import FramePainter, object_name
from .frames import LatestFrames, VideoFrames
from .timeline import Timeline, save_timeline

# VP9 plays in browsers; not every build of OpenCV has it.
_CODECS = ('vp09', 'mp4v')


class StreamWriter:
    """Writes the three files of a stream; used as a context.

    Nothing is written before the first frame. On leaving, also after an error, the video and
    the timeline are finished.

    Args:
        out_dir: Folder, made if it does not exist.
        name: NAME of ``NAME.jsonl``, ``NAME.mp4`` and ``NAME_timeline.png``.
        frames: Where the frames come from.
        names: ``classes`` and, optionally, ``palette``.

    Raises:
        ValueError: If ``NAME.mp4`` is the video that is read; or, while writing, if no
            video can be written there.
    """

    def __init__(
        self, out_dir: Path, name: str, frames: VideoFrames | LatestFrames, names: dict
    ) -> None:
        self.lines_file = out_dir / f'{name}.jsonl'
        self.video_file = out_dir / f'{name}.mp4'
        self.timeline_file = out_dir / f'{name}_timeline.png'
        if self.video_file.resolve() == frames.path.resolve():
            raise ValueError(
                f'{frames.path} would be replaced by its annotated video: choose another --out'
            )
        self._rate = frames.rate
        self._painter = FramePainter(class_colors(len(names['classes']), names.get('palette')))
        self._timeline = Timeline()
        self._lines = self._video = self._picture = None
        self._written, self._end = 0, 0.0

    def write(self, image: np.ndarray, line: dict) -> None:
        """Write a frame.

        Args:
            image: (H, W, 3) uint8 BGR.
            line: Its graph, see :func:`~.stream.parse_stream`.
        """
        if self._lines is None:
            self.lines_file.parent.mkdir(parents=True, exist_ok=True)
            for path in (self.lines_file, self.video_file):
                path.unlink(missing_ok=True)  # a link is not followed
            self._lines = self.lines_file.open('w', encoding='utf-8')
        picture = self._painter.draw(image, line)
        # One call, so that a line is there as a whole or not at all.
        self._lines.write(json.dumps(line, allow_nan=False) + '\n')
        self._lines.flush()
        self._end = line['time'] + 1 / self._rate
        names = [object_name(item) for item in line['objects']]
        self._timeline.update(
            line['time'],
            [(names[r['subject']], r['predicate'], names[r['object']]) for r in line['relations']],
        )
        self._repeat_until(line['time'])
        self._picture = picture

    def _repeat_until(self, seconds: float) -> None:
        """Write the last picture for as long as it was the latest one."""
        if self._picture is None:
            return
        if self._video is None:
            self._video = open_video(self.video_file, self._rate, self._picture.shape)
        number = max(round(seconds * self._rate), self._written + 1)
        for _ in range(self._written, number):
            self._video.write(self._picture)
        self._written = number

    def close(self) -> None:
        """Finish the files."""
        if self._lines is None:
            return
        self._lines.close()
        try:
            self._repeat_until(self._end)
        finally:
            if self._video is not None:
                self._video.release()
            save_timeline(self._timeline.intervals(self._end), self._end, self.timeline_file)

    def __enter__(self) -> StreamWriter:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def open_video(path: Path, rate: float, shape: tuple[int, ...]) -> cv2.VideoWriter:
    """Open an MP4 file for pictures of a shape (H, W, 3).

    Raises:
        ValueError: If OpenCV cannot write it.
    """
    for codec in _CODECS:
        video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, shape[1::-1])
        if video.isOpened():
            return video
    raise ValueError(f'{path} cannot be written: is there such a folder, and a codec in OpenCV?')
