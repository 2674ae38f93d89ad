"""Evaluate an exported parser as any other model.

Shape shorthand: B images, H x W pixels of the padded images.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.models.data_preprocessors import SceneGraphDataPreprocessor
from mmsgp.registry import MODELS
from mmsgp.structures import SceneGraph, SceneGraphDataSample

from .onnx_inferencer import OnnxSceneGraphInferencer


@MODELS.register_module()
class ExportedParser(BaseModel):
    """A file of ``tools/deployment/export_onnx.py`` as a model that a Runner tests.

    The task is SGGen. Graphs have the predicate of each pair and no distribution over
    all predicates.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not an exported parser, or holds the relation part alone.
    """

    # Nothing is taken from the training set: it is in the file.
    has_statistics = True

    def __init__(self, path: str | Path) -> None:
        self.path, inferencer = path, OnnxSceneGraphInferencer(path)
        keys = ('pad_to', 'pad_value', 'mean', 'std', 'bgr_to_rgb')
        preparation = {key: inferencer.meta[key] for key in keys}
        super().__init__(SceneGraphDataPreprocessor(**preparation))
        self.inferencer = inferencer

    def complete_statistics(self, metainfo: Mapping) -> None:
        """Check that the data set has the names of the file.

        Args:
            metainfo: Of the data set, with ``classes`` and ``predicates``.

        Raises:
            ValueError: If the names differ.
        """
        for key in ('classes', 'predicates'):
            if list(metainfo[key]) != self.inferencer.meta[key]:
                raise ValueError(
                    f'{self.path} has other {key} than the test data set: give the config that '
                    'it was exported with'
                )

    def forward(
        self, inputs: Tensor, data_samples: list[SceneGraphDataSample], mode: str = 'tensor'
    ) -> list[SceneGraphDataSample]:
        """Parse prepared images.

        Args:
            inputs: (B, 3, H, W), normalised and padded.
            data_samples: With ``img_shape`` and ``scale_factor``.
            mode: 'predict'; the file has neither losses nor raw outputs.

        Returns:
            list: The samples, with ``pred_scene_graphs`` in pixels of the original images.
        """
        if mode != 'predict':
            raise ValueError(f'{self.path} can only predict, got mode={mode!r}')
        sizes = torch.tensor([sample.img_shape[1::-1] for sample in data_samples])
        outputs = self.inferencer.run(inputs.cpu().numpy(), sizes.float().numpy())
        outputs = {key: torch.from_numpy(value) for key, value in outputs.items()}
        for row, sample in enumerate(data_samples):
            own = {key: value[row] for key, value in outputs.items()}
            scale = torch.tensor(sample.scale_factor).repeat(2)
            sample.pred_scene_graphs = dict(sggen=to_graph(own, scale))
        return data_samples


def to_graph(outputs: dict[str, Tensor], scale: Tensor) -> SceneGraph:
    """Build the graph of an image.

    Args:
        outputs: See :class:`~.fixed_parser.FixedParser`.
        scale: (4,), pixels of the input per pixel of the original image.
    """
    valid, found = outputs['valid'], outputs['scores'] >= 0
    relations = dict(
        pairs=outputs['pairs'][found],
        labels=outputs['predicates'][found],
        scores=outputs['scores'][found],
        predicate_scores=outputs['predicate_scores'][found],
    )
    if 'significance' in outputs:
        relations['significance'] = outputs['significance'][found].double()
    return SceneGraph(
        objects=InstanceData(
            bboxes=outputs['bboxes'][valid] / scale,
            labels=outputs['labels'][valid],
            scores=outputs['object_scores'][valid],
        ),
        relations=InstanceData(**relations),
    )
