"""Read the frames of a video, or the latest frame of a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmsgp.datasets.image_files import MAX_PIXELS, check_size

# What a file may claim; recordings of browsers claim 1000.
_RATES = (1.0, 120.0)
_USUAL_RATE = 25.0
# Containers may count a few frames too many.
_COMPLETE = 0.95


class Frame(NamedTuple):
    """A frame.

    Args:
        index: Number in the video or from the camera, from 0.
        time: Seconds since the first one.
        image: (H, W, 3) uint8 BGR.
    """

    index: int
    time: float
    image: np.ndarray


class VideoFrames:
    """Iterable of the frames of a video file; holds one at a time.

    Args:
        path: The file.
        every: Number of frames of which one is read. Defaults to 1.
        max_pixels: Largest number of pixels of a frame. Defaults to 64 million.

    Attributes:
        rate: Frames per second of the file.
        total: Number of frames that will be read, as the file says; None if it does not.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is no video, its frames are too large, or, while reading, if it ends
            long before the end that it names.
    """

    def __init__(self, path: str | Path, every: int = 1, max_pixels: int = MAX_PIXELS) -> None:
        self.path, self.every = Path(path), every
        if not self.path.is_file():
            raise FileNotFoundError(f'{path}: this video does not exist')
        self._capture = _open(str(path), max_pixels)
        self.rate = _rate(self._capture)
        self._count = max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        self.total = -(-self._count // every) or None

    def __iter__(self) -> Iterator[Frame]:
        index, seconds = 0, -1 / self.rate
        while self._capture.grab():
            # The time of the frame where the file tells it, e.g. with a changing rate.
            told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            seconds = told if told > seconds else seconds + 1 / self.rate
            if index % self.every == 0:
                read, image = self._capture.retrieve()
                if not read:
                    break
                yield Frame(index, seconds, image)
            index += 1
        self._capture.release()
        if index == 0:
            raise ValueError(f'{self.path} is empty, damaged or not a video')
        if index < _COMPLETE * self._count:
            raise ValueError(
                f'{self.path} is damaged: frame {index} of {self._count} cannot be read'
            )


class LatestFrames:
    """Iterable of a camera's frames: always the latest, so that a slow reader is not late.

    A thread reads the camera and keeps one frame. A video file in place of a camera is
    read at its rate; frames that come while nobody asks are dropped.

    Args:
        device: Number of the camera, or its file.
        max_pixels: As :class:`VideoFrames`.

    Attributes:
        rate: Frames per second that the camera promises.
        total: None, because nobody knows.

    Raises:
        ValueError: If the camera cannot be opened.
    """

    total = None

    def __init__(self, device: int | str, max_pixels: int = MAX_PIXELS) -> None:
        self.path = Path(str(device))
        source = int(device) if str(device).isdecimal() else str(device)
        self._capture = _open(source, max_pixels)
        self.rate = _rate(self._capture)
        # A camera waits for its next frame, a file must be made to.
        self._pause = 1 / self.rate if self.path.is_file() else 0.0
        self._changed = threading.Condition()
        self._latest: Frame | None = None
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        thread = threading.Thread(target=self._read, daemon=True)
        thread.start()
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._latest is not None or self._ended)
                    frame, self._latest = self._latest, None
                if frame is None:
                    return
                yield frame
        finally:
            self._ended = True
            thread.join(timeout=2)  # a camera may hang
            self._capture.release()

    def _read(self) -> None:
        start, index = time.monotonic(), 0
        while not self._ended:
            read, image = self._capture.read()
            with self._changed:
                if read:
                    self._latest = Frame(index, time.monotonic() - start, image)
                self._ended |= not read
                self._changed.notify()
            index += 1
            if self._pause:
                time.sleep(max(start + index * self._pause - time.monotonic(), 0))


def _open(source: int | str, max_pixels: int) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise ValueError(
            f'camera {source} cannot be opened: is it connected, and used by no other program?'
            if isinstance(source, int)
            else f'{source} is empty, damaged or not a video'
        )
    width, height = (
        int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    check_size(width, height, source, max_pixels)
    return capture


def _rate(capture: cv2.VideoCapture) -> float:
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if _RATES[0] <= rate <= _RATES[1] else _USUAL_RATE
