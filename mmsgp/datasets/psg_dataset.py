"""Boxes and relations of panoptic scene graphs (Yang et al., 2022)."""

from __future__ import annotations

from mmsgp.registry import DATASETS

from .base_scene_graph_dataset import BaseSceneGraphDataset
from .formats.psg import FILE, read_psg, read_psg_names
from .graph_annotations import GraphAnnotations
from .paths import join_root


@DATASETS.register_module()
class PSGDataset(BaseSceneGraphDataset):
    """PSG with the boxes of its segments, things and stuff, without masks.

    Images in ``test_image_ids`` are for test, where a repeated relation counts
    once. Validation takes the first ``num_val_images`` of the others, unless the file
    has ``val_image_ids``.

    Args:
        ann_file: Defaults to ``'psg.json'``.
        **kwargs: Arguments of :class:`BaseSceneGraphDataset`; ``data_prefix``
            is the folder of ``train2017/`` and ``val2017/``.
    """

    def __init__(self, ann_file: str = FILE, **kwargs) -> None:
        super().__init__(ann_file, **kwargs)

    @classmethod
    def read_names(
        cls, ann_file: str = FILE, data_root: str = '', **kwargs
    ) -> dict[str, tuple[str, ...]]:
        """Read the names of classes and predicates from the file."""
        return read_psg_names(join_root(data_root, ann_file))

    def load_annotations(self) -> GraphAnnotations:
        """Read the images of all splits."""
        return read_psg(self.ann_file, unique_in_test=True)
