"""Parse images with an exported parser; of all packages it needs onnxruntime, NumPy and OpenCV.

Shape shorthand: B images, T objects and P pairs of an image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

METADATA_KEY = 'mmsgp'
METADATA_VERSION = 1
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.ppm', '.tif', '.tiff', '.webp')

Image = str | Path | np.ndarray


class OnnxSceneGraphInferencer:
    """Parses images into scene graphs by ONNX Runtime, without PyTorch.

    Used like :class:`~mmsgp.apis.SceneGraphInferencer`, and returns the same graphs; the task
    is SGGen.

    Args:
        model: File of ``tools/deployment/export_onnx.py``.
        providers: Execution providers of ONNX Runtime. Defaults to the CPU's.
        num_threads: Of an operation. Defaults to None: ONNX Runtime decides.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If onnxruntime is not installed.
        ValueError: If it is not an exported parser, or holds the relation part alone.

    Example:
        >>> inferencer = OnnxSceneGraphInferencer('parser.onnx')
        >>> result = inferencer('street.jpg')
        >>> result['predictions'][0]['relations'][0]
        {'subject': 0, 'object': 3, 'label': 5, 'predicate': 'riding', ...}
    """

    def __init__(
        self,
        model: str | Path,
        providers: Sequence[str] = ('CPUExecutionProvider',),
        num_threads: int | None = None,
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                'OnnxSceneGraphInferencer needs onnxruntime: pip install onnxruntime'
            ) from error
        if not Path(model).is_file():
            raise FileNotFoundError(f'{model}: this file does not exist')
        options = onnxruntime.SessionOptions()
        if num_threads is not None:
            options.intra_op_num_threads = num_threads
        try:
            self.session = onnxruntime.InferenceSession(
                str(model), options, providers=list(providers)
            )
        except Exception as error:  # errors of ONNX Runtime have no class of their own
            reason = str(error).splitlines()[0]
            raise ValueError(f'{model} cannot be loaded by ONNX Runtime: {reason}') from error
        self.meta = _read_metadata(self.session, model)
        if self.meta['task'] != 'sggen':
            raise ValueError(
                f'{model} holds the relation part alone, which takes feature maps: export it '
                'without --relation-only'
            )
        self.output_names = [output.name for output in self.session.get_outputs()]

    def __call__(self, inputs: Image | Iterable[Image], **kwargs) -> dict:
        """Parse images.

        Args:
            inputs: A path or an array, (H, W, 3) uint8 BGR; a folder; or an iterable of these.
            **kwargs: Arguments of :meth:`stream`.

        Returns:
            dict: ``predictions``, a graph per image, see :meth:`stream`.
        """
        return dict(predictions=[r['predictions'] for r in self.stream(inputs, **kwargs)])

    def stream(
        self,
        inputs: Image | Iterable[Image],
        batch_size: int = 1,
        topk: int = 100,
        pred_score_thr: float = 0.0,
    ) -> Iterator[dict]:
        """Parse images, with only one batch at a time in memory.

        Args:
            inputs: See :meth:`__call__`.
            batch_size: Images per batch. Defaults to 1.
            topk: Number of best relations to keep. Defaults to 100.
            pred_score_thr: Lowest score of relations to keep. Defaults to 0.0.

        Yields:
            dict: ``predictions``, the graph of one image, as of
            :meth:`SceneGraphInferencer.stream`.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If a file is not an image, or a number of the output is not finite.
        """
        for name, value in (('batch_size', batch_size), ('topk', topk)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f'{name} must be a whole number of at least 1, got {value}')
        paths = iter(list_images(inputs))
        while batch := [self.prepare(item) for item in islice(paths, batch_size)]:
            outputs = self.run(
                np.stack([image['input'] for image in batch]),
                np.array([image['size'] for image in batch], np.float32),
            )
            for row, image in enumerate(batch):
                own = {name: value[row] for name, value in outputs.items()}
                yield dict(predictions=self._describe(image, own, topk, pred_score_thr))

    def run(self, images: np.ndarray, image_sizes: np.ndarray) -> dict[str, np.ndarray]:
        """Run the graph on prepared images.

        Args:
            images: (B, 3, H, W) float32, normalised and padded.
            image_sizes: (B, 2) float32, width and height without padding.

        Returns:
            dict: Outputs by name, see :class:`~mmsgp.deploy.fixed_parser.FixedParser`.
        """
        values = self.session.run(None, dict(images=images, image_sizes=image_sizes))
        return dict(zip(self.output_names, values))

    def prepare(self, item: Image) -> dict:
        """Read, scale, normalise and pad an image, as the test pipeline does.

        Args:
            item: A path or an array, (H, W, 3) uint8 BGR.

        Returns:
            dict: ``input`` (3, H, W) float32 for :meth:`run`, ``size``, its width and height
            without padding, ``path``, and ``width`` and ``height`` of the image.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If it is not an image, or too thin.
        """
        import cv2  # only here: arrays of the network's size would not need it

        path = None if isinstance(item, np.ndarray) else str(item)
        image = item if path is None else _read(path)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(
                'expected a BGR image, uint8 of shape (H, W, 3), got '
                f'{image.dtype} of shape {image.shape}'
            )
        height, width = image.shape[:2]
        long, short = max(self.meta['img_scale']), min(self.meta['img_scale'])
        scale = min(long / max(height, width), short / min(height, width))
        size = int(width * scale + 0.5), int(height * scale + 0.5)
        if not min(size):
            raise ValueError(
                f'{path or "an image"} is {width} x {height} pixels, too thin: resized for the '
                'model, its shorter side would be less than a pixel'
            )
        resized = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        if self.meta['bgr_to_rgb']:
            resized = resized[..., ::-1]
        mean, std = (np.array(self.meta[key], np.float32) for key in ('mean', 'std'))
        padded = np.full((3, *self.meta['pad_to']), self.meta['pad_value'], np.float32)
        padded[:, : size[1], : size[0]] = ((resized - mean) / std).transpose(2, 0, 1)
        return dict(path=path, input=padded, size=size, width=width, height=height)

    def _describe(self, image: dict, graph: dict, topk: int, score_thr: float) -> dict:
        """Describe the graph of an image in numbers and names, ready for JSON."""
        for name in ('bboxes', 'object_scores', 'scores'):
            if not np.isfinite(graph[name]).all():
                raise ValueError(
                    f'{image["path"] or "an image"}: {name} are not finite. The weights of the '
                    'model are damaged, or its training diverged'
                )
        (width, height), valid = image['size'], graph['valid']
        scale = np.array([width / image['width'], height / image['height']] * 2, np.float32)
        scores = graph['object_scores'].astype(float)
        objects = [
            dict(
                id=index,
                label=int(label),
                name=self.meta['classes'][label],
                bbox=[round(float(value), 2) for value in bbox],
                score=round(float(own), 6),
            )
            for index, (label, bbox, own) in enumerate(
                zip(graph['labels'][valid], (graph['bboxes'] / scale)[valid], scores[valid])
            )
        ]
        relations = []
        rows = np.flatnonzero((graph['scores'] >= 0) & (graph['scores'] >= score_thr))[:topk]
        for row in rows:
            (subject, object_), label = graph['pairs'][row].tolist(), int(graph['predicates'][row])
            probability = scores[subject] * graph['predicate_scores'][row] * scores[object_]
            relation = dict(
                subject=subject,
                object=object_,
                label=label,
                predicate=self.meta['predicates'][label - 1],
                score=round(float(graph['scores'][row]), 6),
                probability=round(float(probability), 6),
            )
            if 'significance' in graph:
                relation['significance'] = round(float(graph['significance'][row]), 6)
            relations.append(relation)
        about = {key: image[key] for key in ('width', 'height')}
        about = dict(image=image['path'], **about, task=self.meta['task'])
        return about | dict(objects=objects, relations=relations)


def _read_metadata(session, model: str | Path) -> dict:
    """Return names and preparation of images.

    Raises:
        ValueError: If they are missing, or of another version.
    """
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ValueError(
            f'{model} has no metadata {METADATA_KEY!r}: give a file of '
            'tools/deployment/export_onnx.py'
        )
    meta = json.loads(text)
    if meta.get('version') != METADATA_VERSION:
        raise ValueError(
            f'{model}: metadata of version {meta.get("version")}, but this is version '
            f'{METADATA_VERSION}: export the model again'
        )
    return meta


def list_images(inputs: Image | Iterable[Image]) -> Iterator[Image]:
    """Yield arrays and files; those of a folder by name."""
    if isinstance(inputs, (str, Path)):
        path = Path(inputs).expanduser()
        if not path.is_dir():
            yield path
            return
        found = [p for p in sorted(path.rglob('*')) if p.suffix.lower() in IMAGE_SUFFIXES]
        if not found:
            raise ValueError(
                f'the folder {path} has no images; images end in {", ".join(IMAGE_SUFFIXES)}'
            )
        yield from found
    elif isinstance(inputs, np.ndarray):
        yield inputs
    else:
        for item in inputs:
            yield from list_images(item)


def _read(path: str) -> np.ndarray:
    """Read an image upright, (H, W, 3) uint8 BGR."""
    import cv2

    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: this image or folder does not exist')
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f'{path} is empty, damaged or not an image')
    return image
