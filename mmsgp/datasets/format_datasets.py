"""Data sets in the formats of other toolboxes and of annotation tools."""

from __future__ import annotations

from mmsgp.registry import DATASETS

from .base_scene_graph_dataset import BaseSceneGraphDataset
from .formats import FORMATS
from .graph_annotations import GraphAnnotations
from .paths import join_root


class FormatDataset(BaseSceneGraphDataset):
    """Images in a format of :data:`mmsgp.datasets.formats.FORMATS`; a subclass names it.

    Args:
        ann_file: The folder or file of the annotations, within ``data_root``. Defaults
            to ``data_root`` itself.
        data_prefix: ``img`` is the folder of the images, or several. Defaults to those of
            the format.
        split: See :class:`BaseSceneGraphDataset`.
        **kwargs: Arguments of :class:`BaseSceneGraphDataset`.
    """

    FORMAT: str

    def __init__(
        self,
        ann_file: str = '',
        data_prefix: dict | None = None,
        split: str = 'train',
        **kwargs,
    ) -> None:
        data_prefix = data_prefix or dict(img=FORMATS[self.FORMAT].folders(split))
        super().__init__(ann_file, data_prefix=data_prefix, split=split, **kwargs)

    @classmethod
    def read_names(
        cls, ann_file: str = '', data_root: str = '', **kwargs
    ) -> dict[str, tuple[str, ...]]:
        """Read the names of classes and predicates, if the format has them apart."""
        read = FORMATS[cls.FORMAT].read_names
        return {} if read is None else read(join_root(data_root, ann_file))

    def load_annotations(self) -> GraphAnnotations:
        """Read the images of all splits."""
        return FORMATS[self.FORMAT].read(self.ann_file or self.data_root)


@DATASETS.register_module()
class OpenImagesRelationDataset(FormatDataset):
    """Open Images V6 or V4 with relations, as prepared for PySGG."""

    FORMAT = 'open-images'


@DATASETS.register_module()
class GQA200Dataset(FormatDataset):
    """GQA-200; validation takes the first ``num_val_images`` training images."""

    FORMAT = 'gqa-200'


@DATASETS.register_module()
class VRDDataset(FormatDataset):
    """VRD with its own images; objects are distinct pairs of a class and a box."""

    FORMAT = 'vrd'


@DATASETS.register_module()
class CocoRelJsonDataset(FormatDataset):
    """COCO files with ``rel.json`` beside them, as RelTR and EGTR read them."""

    FORMAT = 'coco-rel-json'


@DATASETS.register_module()
class CocoRelationsDataset(FormatDataset):
    """COCO files with relations in them, as SGG-Benchmark reads them."""

    FORMAT = 'coco-relations'


@DATASETS.register_module()
class LabelStudioDataset(FormatDataset):
    """An export of Label Studio in JSON (``ann_file``); ``split_ids`` gives the splits."""

    FORMAT = 'label-studio'


@DATASETS.register_module()
class CVATDataset(FormatDataset):
    """An export "CVAT for images 1.1" with relations as attributes of the boxes."""

    FORMAT = 'cvat'
