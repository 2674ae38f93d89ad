"""Write a trained parser as ONNX.

Shape shorthand: B images, H x W pixels of the padded images, T objects of an image, C object
classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import Config

from mmsgp.models import SceneGraphParser
from mmsgp.utils.files import replacing
from mmsgp.version import __version__

from .fixed_parser import FixedParser, FixedRelations
from .onnx_inferencer import METADATA_KEY, METADATA_VERSION
from .operators import TRANSLATIONS
from .support import check_detector, check_relation_head

OPSET = 18
# Steps of a test pipeline that an inferencer has too, or that only annotations need.
STEPS = ('LoadImage', 'Resize', 'LoadAnnotations', 'LoadRelations', 'PackSceneGraphInputs')


def export_onnx(
    parser: SceneGraphParser,
    cfg: Config,
    path: str | Path,
    num_objects: int | None = None,
    relation_only: bool = False,
) -> None:
    """Write a parser as ONNX; batches may have any number of images.

    Inputs and outputs are those of :class:`~mmsgp.deploy.fixed_parser.FixedParser` or, of the
    relation part, :class:`~mmsgp.deploy.fixed_parser.FixedRelations`. The size of the padded
    images is fixed, as in the parser.

    Args:
        parser: With ``dataset_meta``, see :func:`~mmsgp.apis.load_parser`.
        cfg: Its config, for the preparation of images.
        path: File to write.
        num_objects: T. Defaults to None: ``detection_cfg.max_per_image``.
        relation_only: Whether to leave the detector out. Defaults to False.

    Raises:
        ValueError: If a part has no form for export, or T is below 2.
    """
    if num_objects is None:
        num_objects = parser.detection_cfg['max_per_image']
    if num_objects < 2:
        raise ValueError(f'the number of objects must be at least 2, got {num_objects}')
    check_relation_head(parser.relation_head)
    if not relation_only:
        check_detector(parser, num_objects)
    metadata = describe_parser(parser, cfg, num_objects, relation_only)
    model = (FixedRelations if relation_only else FixedParser)(parser, num_objects).eval()
    inputs = example_inputs(parser, metadata['pad_to'], num_objects, relation_only)
    batch = torch.export.Dim('batch')
    with torch.no_grad(), _exportable_attention():
        exported = torch.export.export(
            model,
            (),
            inputs,
            dynamic_shapes={
                name: tuple({0: batch} for _ in value) if isinstance(value, tuple) else {0: batch}
                for name, value in inputs.items()
            },
        )
        program = torch.onnx.export(
            exported,
            dynamo=True,
            opset_version=OPSET,
            input_names=flat_names(inputs),
            output_names=list(model.output_names),
            custom_translation_table=TRANSLATIONS,
            verbose=False,
        )
    program.model.metadata_props[METADATA_KEY] = json.dumps(metadata)
    with replacing(Path(path)) as draft:
        program.save(draft)


def describe_parser(
    parser: SceneGraphParser, cfg: Config, num_objects: int, relation_only: bool
) -> dict:
    """Describe names and the preparation of images, ready for JSON.

    Raises:
        ValueError: If images are prepared in another way than that of MMSGP's configs.
    """
    preprocessor = parser.data_preprocessor
    steps = list(cfg.test_dataloader.dataset.pipeline)
    for step in steps:
        if step['type'].split('.')[-1] not in STEPS:
            raise ValueError(
                f'the step {step["type"]} of the test pipeline cannot be exported; known are '
                f'{", ".join(STEPS)}'
            )
    resize = [step for step in steps if step['type'].endswith('Resize')]
    if len(resize) != 1 or not resize[0].get('keep_ratio'):
        raise ValueError('the test pipeline must have one step Resize, with keep_ratio=True')
    if getattr(preprocessor, 'pad_to', None) is None:
        raise ValueError(
            f'data_preprocessor {type(preprocessor).__name__} cannot be exported: it does not '
            'pad images to one size; use SceneGraphDataPreprocessor'
        )
    names = parser.dataset_meta
    return dict(
        version=METADATA_VERSION,
        mmsgp=__version__,
        task='sgcls' if relation_only else 'sggen',
        classes=list(names['classes']),
        predicates=list(names['predicates']),
        rank_by=parser.relation_head.rank_by,
        num_objects=num_objects,
        img_scale=list(resize[0]['scale']),
        pad_to=list(preprocessor.pad_to),
        pad_value=preprocessor.pad_value,
        mean=preprocessor.mean.flatten().tolist(),
        std=preprocessor.std.flatten().tolist(),
        bgr_to_rgb=preprocessor.reverses_channels,
    )


def example_inputs(
    parser: SceneGraphParser, pad_to: tuple[int, int], num_objects: int, relation_only: bool
) -> dict:
    """Make inputs of two images, by name."""
    images = torch.zeros(2, 3, *pad_to)
    sizes = torch.tensor([[pad_to[1], pad_to[0]]] * 2, dtype=torch.float32)
    if not relation_only:
        return dict(images=images, image_sizes=sizes)
    num_classes = parser.relation_head.num_classes
    return dict(
        feature_maps=parser.extract_feat(images),
        bboxes=torch.tensor([0.0, 0.0, 32.0, 32.0]).repeat(2, num_objects, 1),
        logits=torch.zeros(2, num_objects, num_classes + 1),
        valid=torch.ones(2, num_objects, dtype=torch.bool),
        image_sizes=sizes,
    )


def flat_names(inputs: dict) -> list[str]:
    """List the names of inputs of the graph: those of feature maps are numbered."""
    return [
        flat
        for name, value in inputs.items()
        for flat in (
            [f'{name}_{level}' for level in range(len(value))]
            if isinstance(value, tuple)
            else [name]
        )
    ]


@contextmanager
def _exportable_attention() -> Iterator[None]:
    """Use PyTorch's attention layers without their fused kernel, which ONNX lacks."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
