"""Compute the detector of an exported parser in 8 bits.

Shape shorthand: H x W pixels of the padded images.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from mmsgp.utils.files import replacing

from .onnx_inferencer import OnnxSceneGraphInferencer, list_images

# Of the detector's last layers: scores and sides of boxes need more than 256 steps.
PREDICTIONS = ('.rtm_cls.', '.rtm_reg.')
# What lies between convolutions; in float32 it would be converted to and fro.
OPERATORS = ('Conv', 'Sigmoid', 'Mul', 'Add', 'Concat', 'MaxPool', 'Resize')


class CalibrationImages(CalibrationDataReader):
    """Images as an exported parser takes them, one at a time.

    Args:
        inferencer: Of the parser.
        paths: The images.

    Raises:
        ValueError: While they are read, if one is not an image.
    """

    def __init__(self, inferencer: OnnxSceneGraphInferencer, paths: Sequence[Path]) -> None:
        self._inputs = self._prepare(inferencer, paths)

    @staticmethod
    def _prepare(inferencer: OnnxSceneGraphInferencer, paths: Sequence[Path]) -> Iterator[dict]:
        for path in paths:
            image = inferencer.prepare(path)
            yield dict(
                images=image['input'][None], image_sizes=np.array([image['size']], np.float32)
            )

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return ``images`` (1, 3, H, W) and ``image_sizes`` (1, 2), or None at the end."""
        return next(self._inputs, None)


def choose_images(images: str | Path, number: int = 100) -> list[Path]:
    """Choose images for the ranges, spread over a folder.

    Args:
        images: The folder.
        number: Largest number of images. Defaults to 100.

    Raises:
        FileNotFoundError: If it is not a folder.
        ValueError: If ``number`` is below 1, or the folder has no images.
    """
    if number < 1:
        raise ValueError(f'the number of images for 8 bits must be at least 1, got {number}')
    folder = Path(images).expanduser()
    if not str(images) or not folder.is_dir():
        raise FileNotFoundError(f'{str(images)!r}, the images for 8 bits, is not a folder')
    paths = list(list_images(folder))
    number = min(number, len(paths))
    return [paths[i * len(paths) // number] for i in range(number)]


def quantize(path: str | Path, images: Sequence[Path]) -> None:
    """Let the detector of an exported parser compute in 8 bits, in place.

    Weights have a scale per channel, activations one per tensor, which covers what the
    images give rise to (static quantization of ONNX Runtime). The last convolutions of
    the detector and the relation head stay in float32; the head reads feature maps that
    were rounded to 8 bits.

    Args:
        path: File of :func:`~.exporting.export_onnx`, with the detector; it is replaced.
        images: Images like those that are to be parsed, see :func:`choose_images`.

    Raises:
        ValueError: If one cannot be read, or the file has no RTMDet.
    """
    with tempfile.TemporaryDirectory() as folder:
        simplified, small = Path(folder, 'simplified.onnx'), Path(folder, 'small.onnx')
        quant_pre_process(path, simplified, skip_symbolic_shape=True)  # fuses batch norm
        model = onnx.load(simplified)
        names = before_predictions(model.graph)
        if not names:  # ONNX Runtime would take all nodes
            raise ValueError(
                f'{path} has none of the layers {", ".join(PREDICTIONS)} of RTMDet, before which '
                'the detector could compute in 8 bits'
            )
        quantize_static(
            simplified,
            small,
            CalibrationImages(OnnxSceneGraphInferencer(path), images),
            op_types_to_quantize=OPERATORS,
            nodes_to_quantize=names,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        with replacing(Path(path)) as draft:
            shutil.copyfile(small, draft)


def before_predictions(graph: onnx.GraphProto) -> list[str]:
    """List the nodes that the detector's last convolutions depend on, without these."""
    names, needed = [], set()
    for node in reversed(graph.node):  # nodes are in the order in which they run
        if any(part in name for name in node.input for part in PREDICTIONS):
            needed.add(node.input[0])
        elif needed.intersection(node.output):
            needed.update(node.input)
            names.append(node.name)
    return names
