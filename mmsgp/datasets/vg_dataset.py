"""Any data set in the VG-SGG format."""

from __future__ import annotations

from mmsgp.registry import DATASETS

from .base_scene_graph_dataset import BaseSceneGraphDataset
from .graph_annotations import GraphAnnotations
from .paths import join_root
from .vg_sgg.names import read_vg_names
from .vg_sgg.reader import read_vg_annotations
from .vg_sgg.vg150 import VG150_CLASSES, VG150_PREDICATES
from .vg_sgg.writer import ANN_FILE, DICT_FILE, IMAGE_FILE


@DATASETS.register_module()
class VGDataset(BaseSceneGraphDataset):
    """Images with annotated scene graphs in the format of Visual Genome.

    Validation takes the images with the split code 1, or the first
    ``num_val_images`` training images if there are none. An image is the file
    ``<image_id><img_suffix>``, or ``file_name`` in ``image_file``: a path within
    the folder, with any suffix.

    Args:
        ann_file: Boxes and relations. Defaults to ``'VG-SGG.h5'``.
        dict_file: Names of classes and predicates. Defaults to
            ``'VG-SGG-dicts.json'``.
        image_file: Ids and sizes of the images. Defaults to
            ``'image_data.json'``.
        data_prefix: ``img`` is the folder of the images, or several. Defaults
            to those of Visual Genome, ``('VG_100K', 'VG_100K_2')``.
        img_suffix: Suffix of the image files where ``image_file`` gives no
            ``file_name``. Defaults to ``'.jpg'``.
        integer_corners: Whether the upper left corner of a box is cut to a
            whole pixel of the resized image, as the reference implementation of
            Neural Motifs does. Boxes differ by half a pixel of 1,024 where a
            side is odd. Defaults to False.
        split_key: Array of the split codes. Defaults to None: ``'split'``, or
            ``'split_rel'`` (IndoorVG) if there is no ``'split'``.
        **kwargs: Arguments of :class:`BaseSceneGraphDataset`.
    """

    METAINFO = dict(classes=VG150_CLASSES, predicates=VG150_PREDICATES)
    FILES = ('ann_file', 'dict_file', 'image_file')

    def __init__(
        self,
        ann_file: str = ANN_FILE,
        dict_file: str = DICT_FILE,
        image_file: str = IMAGE_FILE,
        data_prefix: dict = dict(img=('VG_100K', 'VG_100K_2')),
        img_suffix: str = '.jpg',
        integer_corners: bool = False,
        split_key: str | None = None,
        **kwargs,
    ) -> None:
        self.dict_file = dict_file
        self.image_file = image_file
        self.img_suffix = img_suffix
        self.integer_corners = integer_corners
        self.split_key = split_key
        super().__init__(ann_file, data_prefix=data_prefix, **kwargs)

    @classmethod
    def read_names(
        cls, data_root: str = '', dict_file: str = DICT_FILE, **kwargs
    ) -> dict[str, tuple[str, ...]]:
        """Read the names of classes and predicates from the dicts file."""
        classes, predicates = read_vg_names(join_root(data_root, dict_file))
        return dict(classes=classes, predicates=predicates)

    def load_annotations(self) -> GraphAnnotations:
        """Read the three files."""
        return read_vg_annotations(
            self.ann_file,
            self.image_file,
            **self.read_names(dict_file=self.dict_file),
            img_suffix=self.img_suffix,
            integer_corners=self.integer_corners,
            split_key=self.split_key,
        )
