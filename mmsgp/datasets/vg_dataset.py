"""Any data set in the VG-SGG format."""
from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from mmdet.datasets import BaseDetDataset
from mmdet.visualization import get_palette
from mmengine.dataset import force_full_init
from mmengine.fileio import exists, join_path
from mmengine.utils import is_abs

from mmsgp.registry import DATASETS
from mmsgp.utils.seeding import seeded

from .graph_annotations import VGAnnotations
from .statistics import DatasetStatistics
from .statistics_cache import content_key, load_or_compute
from .vg_sgg.names import read_vg_names
from .vg_sgg.reader import read_vg_annotations
from .vg_sgg.splits import SPLITS, check_num_val_images, split_indices
from .vg_sgg.vg150 import VG150_CLASSES, VG150_PREDICATES
from .vg_sgg.writer import ANN_FILE, DICT_FILE, IMAGE_FILE


@DATASETS.register_module()
class VGDataset(BaseDetDataset):
    """Images with annotated scene graphs in the format of Visual Genome.

    An item, before the pipeline, has MMDetection's keys (``img_id``,
    ``img_path``, ``height``, ``width``, ``instances``, ``sample_idx``) and

    - ``relations``: (M, 3) int64 array, subject and object as indices into
      ``instances``, and predicate ``1 .. R``.
    - ``relations_unseen``, unless the split is ``'train'``: (M,) bool, whether
      no training image has a relation of these classes and this predicate.
    - ``predicates``: the R names of the predicates.
    - ``img_folders``: the folders in which an image is looked for.

    ``metainfo`` has ``classes``, ``predicates`` (predicate ``p`` is
    ``predicates[p - 1]``), ``palette`` and, once annotations are loaded,
    ``predicate_train_counts``: the R numbers of relations of each predicate in
    the training split.

    Args:
        ann_file: Boxes and relations. Defaults to ``'VG-SGG.h5'``.
        dict_file: Names of classes and predicates. Defaults to
            ``'VG-SGG-dicts.json'``.
        image_file: Ids and sizes of the images. Defaults to
            ``'image_data.json'``.
        data_root: Folder of these files and of ``data_prefix``.
        data_prefix: ``img`` is the folder of the images, or several. Defaults
            to those of Visual Genome, ``('VG_100K', 'VG_100K_2')``.
        img_suffix: Suffix of the image files. Defaults to ``'.jpg'``.
        split: ``'train'``, ``'val'`` or ``'test'``. Defaults to ``'train'``.
        num_val_images: Training images that are kept for validation: the
            first, see :func:`split_indices`. Defaults to 5000.
        filter_cfg: ``filter_empty_gt`` leaves out images without boxes and
            defaults to True. ``filter_empty_relations`` leaves out images
            without relations, as training of relations needs and training of
            a detector does not; it defaults to True for train and val, whose
            images it also chooses, and to False for test, where the metric
            counts such images and leaves them out itself.
        integer_corners: Whether the upper left corner of a box is cut to a
            whole pixel of the resized image, as the reference implementation of
            Neural Motifs does. Boxes differ by half a pixel of 1,024 where a
            side is odd. Defaults to False.
        metainfo: Replaces names of the files, one for one.
        **kwargs: Arguments of :class:`mmengine.dataset.BaseDataset`:
            ``pipeline``, ``test_mode``, ``indices``, ``lazy_init``,
            ``max_refetch``; and ``backend_args``.
    """

    # What the random numbers of an item follow from besides its index, such as
    # seed and epoch; None leaves the generators alone. SeedHook sets it.
    entropy: Sequence[int] | None = None

    METAINFO = dict(classes=VG150_CLASSES, predicates=VG150_PREDICATES)

    def __init__(self,
                 ann_file: str = ANN_FILE,
                 dict_file: str = DICT_FILE,
                 image_file: str = IMAGE_FILE,
                 data_root: str = '',
                 data_prefix: dict = dict(img=('VG_100K', 'VG_100K_2')),
                 img_suffix: str = '.jpg',
                 split: str = 'train',
                 num_val_images: int = 5000,
                 filter_cfg: dict | None = None,
                 integer_corners: bool = False,
                 metainfo: dict | None = None,
                 lazy_init: bool = False,
                 **kwargs) -> None:
        if split not in SPLITS:
            raise ValueError(f'split must be one of {SPLITS}, got {split!r}')
        self.dict_file = dict_file
        self.image_file = image_file
        self.img_suffix = img_suffix
        self.split = split
        self.num_val_images = num_val_images
        self.integer_corners = integer_corners
        self._given_metainfo = dict(metainfo or {})
        filters = dict(
            filter_empty_gt=True, filter_empty_relations=split != 'test')
        unknown = set(filter_cfg or {}) - set(filters)
        if unknown:
            raise ValueError(f'filter_cfg knows {sorted(filters)}, got '
                             f'{sorted(unknown)}')
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix,
            filter_cfg={
                **filters,
                **(filter_cfg or {})
            },
            metainfo=metainfo,
            # The annotations are arrays already, see VGAnnotations.
            serialize_data=False,
            lazy_init=True,
            **kwargs)
        if os.path.isfile(self.dict_file):
            self._load_names()
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> VGAnnotations:
        """Read the images of the split, before any is filtered out."""
        self._load_names()
        annotations = self._read_all()
        filter_relations = self.filter_cfg['filter_empty_relations']
        if self.split == 'train':
            check_num_val_images(annotations, self.num_val_images,
                                 filter_relations, self.ann_file)
        training = self._training_images(annotations)
        self._metainfo['predicate_train_counts'] = np.bincount(
            training.relations[:, 2] - 1,
            minlength=len(self._metainfo['predicates'])).tolist()
        self._seen_triplets = np.unique(
            self._triplet_ids(training.labels[training.relation_boxes],
                              training.relations[:, 2]))
        indices = split_indices(annotations, self.split, self.num_val_images,
                                filter_relations)
        if not len(indices):
            raise ValueError(
                f'{self.ann_file} has no image for the split {self.split!r} '
                f'(with num_val_images={self.num_val_images})')
        return annotations.subset(indices)

    def filter_data(self) -> VGAnnotations:
        """Leave out images as ``filter_cfg`` says."""
        keep = np.ones(len(self.data_list), dtype=bool)
        if self.filter_cfg['filter_empty_gt']:
            keep &= self.data_list.num_boxes > 0
        if self.filter_cfg['filter_empty_relations']:
            keep &= self.data_list.num_relations > 0
        return self.data_list.subset(keep)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """The annotations of an image, see the class."""
        # The container makes an item anew each time; the parent's deep copy
        # of it would take four times as long as all the rest.
        data_info = self.data_list[idx]
        folders = self.data_prefix['img']
        if self.split != 'train':
            data_info['relations_unseen'] = self._is_unseen(data_info)
        data_info.update(
            img_path=self._find_image(data_info['img_id'], folders),
            img_folders=folders,
            predicates=self._metainfo['predicates'],
            sample_idx=idx % len(self))
        return data_info

    def __getitem__(self, idx: int) -> dict:
        """The item after the pipeline; its random numbers follow from it.

        They are those of ``entropy`` and the index, in whatever process and
        order items are loaded. An image that a wrapper repeats within an
        epoch has the same ones each time.
        """
        if self.entropy is None:
            return super().__getitem__(idx)
        with seeded(*self.entropy, idx % len(self)):
            return super().__getitem__(idx)

    def prepare_data(self, idx: int) -> dict | None:
        """The item after the pipeline.

        Raises:
            ValueError: If OpenCV cannot transform the image, which is named.
        """
        try:
            return super().prepare_data(idx)
        except cv2.error as error:
            info = self.get_data_info(idx)
            raise ValueError(
                f'{info["img_path"]} ({info["width"]} x {info["height"]} '
                'pixels) cannot be transformed: scaled to the size of the '
                'config each side must keep a pixel. Leave it out of the '
                f'annotations. {error}') from error

    def _is_unseen(self, data_info: dict) -> np.ndarray:
        labels = np.array(
            [instance['bbox_label'] for instance in data_info['instances']],
            dtype=np.int64)
        relations = data_info['relations']
        ids = self._triplet_ids(labels[relations[:, :2]], relations[:, 2])
        return ~np.isin(ids, self._seen_triplets)

    def _triplet_ids(self, labels: np.ndarray,
                     predicates: np.ndarray) -> np.ndarray:
        """A number for each triplet, from (M, 2) classes and (M,) predicates."""
        num_classes = len(self._metainfo['classes'])
        return (predicates * num_classes + labels[:, 0]) * num_classes + \
            labels[:, 1]

    @cached_property
    def statistics(self) -> DatasetStatistics:
        """DatasetStatistics: of the training split, whatever the own one.

        Computed once and kept in ``.mmsgp_cache`` beside the annotations,
        until one of the annotation files or ``num_val_images`` changes.
        """
        key = content_key(
            [self.ann_file, self.dict_file, self.image_file],
            num_val_images=self.num_val_images,
            integer_corners=self.integer_corners)
        return load_or_compute(
            os.path.join(os.path.dirname(self.ann_file), '.mmsgp_cache'), key,
            self._compute_statistics)

    def _compute_statistics(self) -> DatasetStatistics:
        return DatasetStatistics.from_annotations(
            self._training_images(self._read_all()),
            num_classes=len(self._metainfo['classes']),
            num_predicates=len(self._metainfo['predicates']))

    def _read_all(self) -> VGAnnotations:
        return read_vg_annotations(
            self.ann_file,
            self.image_file,
            num_classes=len(self._metainfo['classes']),
            num_predicates=len(self._metainfo['predicates']),
            integer_corners=self.integer_corners)

    def _training_images(self, annotations: VGAnnotations) -> VGAnnotations:
        """Training images with relations, whatever ``filter_cfg`` says."""
        indices = split_indices(
            annotations,
            'train',
            self.num_val_images,
            filter_empty_relations=True)
        return annotations.subset(
            indices[annotations.num_relations[indices] > 0])

    def _load_names(self) -> None:
        """Take names from the dicts file unless ``metainfo`` gave them."""
        names = dict(
            zip(('classes', 'predicates'), read_vg_names(self.dict_file),
                strict=True))
        for key, values in names.items():
            given = self._given_metainfo.get(key, values)
            if len(given) != len(values):
                raise ValueError(
                    f'metainfo has {len(given)} {key}, but {self.dict_file} '
                    f'has {len(values)}')
            self._metainfo[key] = tuple(given)
        self._metainfo.setdefault(
            'palette',
            # Tuples, for MMDetection takes a list for several colours.
            [tuple(int(value) for value in colour)
             for colour in get_palette('random', len(names['classes']))])

    def _find_image(self, img_id: int, folders: Sequence[str]) -> str:
        """The image's path in the first folder that has it, if any does."""
        paths = [join_path(f, f'{img_id}{self.img_suffix}') for f in folders]
        if len(paths) == 1:
            return paths[0]
        return next(
            (p for p in paths if exists(p, backend_args=self.backend_args)),
            paths[0])

    def _join_prefix(self) -> None:
        """Make paths of ``data_root``; several image folders are allowed."""
        for key in ('ann_file', 'dict_file', 'image_file'):
            setattr(self, key, self._join_root(getattr(self, key)))
        folders = self.data_prefix['img']
        if isinstance(folders, str):
            folders = (folders, )
        self.data_prefix['img'] = tuple(map(self._join_root, folders))

    def _join_root(self, path: str) -> str:
        if self.data_root and not is_abs(path):
            return join_path(self.data_root, path)
        return path

    def _get_unserialized_subset(
            self, indices: Sequence[int] | int) -> VGAnnotations:
        if isinstance(indices, int):
            return self.data_list[:indices] if indices >= 0 else \
                self.data_list[indices:]
        return self.data_list.subset(indices)
