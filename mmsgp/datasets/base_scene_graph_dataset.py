"""Base class of the data sets of scene graphs."""

from __future__ import annotations

import logging
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from mmdet.datasets import BaseDetDataset
from mmdet.visualization import get_palette
from mmengine.dataset import force_full_init
from mmengine.fileio import exists, join_path
from mmengine.logging import print_log

from mmsgp.utils.seeding import seeded

from .graph_annotations import SPLITS, GraphAnnotations
from .paths import join_root
from .splits import check_num_val_images, has_val_split, split_indices, with_split_ids
from .statistics import DatasetStatistics


class BaseSceneGraphDataset(BaseDetDataset, metaclass=ABCMeta):
    """Images with annotated scene graphs, in any format.

    A subclass reads a format in :meth:`load_annotations`. It may override
    :meth:`read_names`, so that names are known without the annotations, and
    list the constructor's arguments that are files in ``FILES``.

    An item, before the pipeline, has MMDetection's keys (``img_id``,
    ``img_path``, ``height``, ``width``, ``instances``, ``sample_idx``) and

    - ``relations``: (M, 3) int64 array, subject and object as indices into
      ``instances``, and predicate ``1 .. R``.
    - ``relations_unseen``, unless the split is ``'train'``: (M,) bool, whether
      no training image has a relation of these classes and this predicate.
    - ``predicates``: the R names of the predicates.
    - ``img_folders``: the folders that may hold the image.

    ``metainfo`` has ``classes``, ``predicates`` (predicate ``p`` is
    ``predicates[p - 1]``), ``palette`` and, once annotations are loaded,
    ``predicate_train_counts``: the R numbers of relations of each predicate in
    the training split.

    Args:
        ann_file: File of the annotations.
        data_root: Folder of the files and of ``data_prefix``.
        data_prefix: ``img`` is the folder of the images, or several. Defaults
            to ``data_root``.
        split: ``'train'``, ``'val'`` or ``'test'``. Defaults to ``'train'``.
        num_val_images: Number of training images used for validation if the
            format has no validation split: the first ones, see
            :func:`split_indices`. Defaults to 5000.
        filter_cfg: ``filter_empty_gt`` leaves out images without boxes and
            defaults to True. ``filter_empty_relations`` leaves out images
            without relations: needed to train relations, not to train a
            detector. It defaults to True for train and val, and also affects
            which images belong to them; to False for test, where the metric
            itself counts such images and leaves them out.
        split_ids: Own lists of the ids of the images of ``train``, ``val`` and
            ``test``, each a list or a file: JSON, or one id a line. They replace
            the splits of the annotations; images in no list are left out.
            Defaults to None: the splits of the annotations.
        metainfo: Replaces names of the annotations, one for one.
        skip_missing_images: Whether images without a file are left out, of the
            statistics too, with their number in the log. Defaults to False: the
            first one that is loaded is an error.
        lazy_init: Whether annotations are loaded when first needed. Defaults
            to False.
        **kwargs: Arguments of :class:`mmengine.dataset.BaseDataset`:
            ``pipeline``, ``test_mode``, ``indices``, ``max_refetch``; and
            ``backend_args``.
    """

    FILES: Sequence[str] = ('ann_file',)

    # Seeds the random numbers of an item, together with its index: e.g. seed and
    # epoch. None leaves the generators as they are. SeedHook sets it.
    entropy: Sequence[int] | None = None

    def __init__(
        self,
        ann_file: str = '',
        data_root: str = '',
        data_prefix: dict = dict(img=''),
        split: str = 'train',
        num_val_images: int = 5000,
        filter_cfg: dict | None = None,
        split_ids: dict[str, str | Sequence[int | str]] | None = None,
        metainfo: dict | None = None,
        skip_missing_images: bool = False,
        lazy_init: bool = False,
        **kwargs,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f'split must be one of {SPLITS}, got {split!r}')
        self.split = split
        self.num_val_images = num_val_images
        self.split_ids = split_ids
        self.skip_missing_images = skip_missing_images
        self._given_metainfo = dict(metainfo or {})
        filters = dict(filter_empty_gt=True, filter_empty_relations=split != 'test')
        unknown = set(filter_cfg or {}) - set(filters)
        if unknown:
            raise ValueError(f'filter_cfg takes {sorted(filters)}, got {sorted(unknown)}')
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix,
            filter_cfg={**filters, **(filter_cfg or {})},
            metainfo=metainfo,
            # The annotations are arrays already, see GraphAnnotations.
            serialize_data=False,
            lazy_init=True,
            **kwargs,
        )
        if not lazy_init:
            self.full_init()
            return
        with suppress(FileNotFoundError):
            files = {key: getattr(self, key) for key in self.FILES}
            if names := self.read_names(**files):
                self._set_names(**names)

    @abstractmethod
    def load_annotations(self) -> GraphAnnotations:
        """Read the images of all splits, with all their relations."""

    @classmethod
    def read_names(cls, **kwargs) -> dict[str, tuple[str, ...]]:
        """Read the names of classes and predicates, without the annotations.

        Args:
            **kwargs: Arguments of the constructor. Only file names are used.

        Returns:
            ``classes`` and ``predicates``, here those of ``METAINFO``; empty if
            only the annotations have them.

        Raises:
            FileNotFoundError: If the file that has them is missing.
        """
        return {
            key: tuple(cls.METAINFO[key])
            for key in ('classes', 'predicates')
            if key in cls.METAINFO
        }

    @property
    @force_full_init
    def statistics(self) -> DatasetStatistics:
        """DatasetStatistics: Of the training split, also in the other splits.

        If a training set was cut, e.g. by ``indices``, of the remaining part.
        """
        return self._statistics

    def full_init(self) -> None:
        """Load the annotations, filter them and cut them to ``indices``."""
        if self._fully_initialized:
            return
        super().full_init()
        if self._indices is not None:
            self._count_part()

    def load_data_list(self) -> GraphAnnotations:
        """Read the images of the split, before any is filtered out."""
        source = self.ann_file or type(self).__name__
        annotations = self.load_annotations()
        annotations.check(source)
        if self.split_ids is not None:
            annotations = with_split_ids(annotations, self.split_ids, self.data_root, source)
        # As the models compute; the files' own precision is for converters.
        annotations = replace(annotations, boxes=annotations.boxes.astype(np.float32, copy=False))
        self._set_names(annotations.classes, annotations.predicates)
        if self.skip_missing_images:
            annotations = self._without_missing(annotations, source)
        filter_relations = self.filter_cfg['filter_empty_relations']
        if self.split == 'val' and self.num_val_images and has_val_split(annotations):
            print_log(
                f'{source} has a split for validation, so that num_val_images has no effect',
                logger='current',
            )
        if self.split == 'train':
            check_num_val_images(annotations, self.num_val_images, filter_relations, source)
        # Statistics are of relations, whatever filter_cfg says.
        self._count(
            annotations.subset(
                split_indices(
                    annotations, 'train', self.num_val_images, filter_empty_relations=True
                )
            )
        )
        indices = split_indices(annotations, self.split, self.num_val_images, filter_relations)
        if not len(indices):
            raise ValueError(
                f'{source} has no image for the split {self.split!r} '
                f'(with num_val_images={self.num_val_images})'
            )
        chosen = annotations.subset(indices)
        if self.split == 'train':
            return chosen
        return replace(chosen, unseen=self._statistics.triplet_counts[chosen.triplets] == 0)

    def _without_missing(self, annotations: GraphAnnotations, source: str) -> GraphAnnotations:
        """Leave out images without a file."""
        folders = self.data_prefix['img']
        exist = np.array(
            [
                exists(self._find_image(name, folders), backend_args=self.backend_args)
                for name in annotations.file_names.tolist()
            ],
            dtype=bool,
        )
        if not exist.all():
            print_log(
                f'{source}: {(~exist).sum()} of {len(exist)} images are left out, because they do '
                f'not exist in {", ".join(folders)}, the first is '
                f'{annotations.file_names[exist.argmin()]} (skip_missing_images)',
                logger='current',
                level=logging.WARNING,
            )
        return annotations.subset(exist)

    def filter_data(self) -> GraphAnnotations:
        """Leave out images as ``filter_cfg`` says."""
        keep = np.ones(len(self.data_list), dtype=bool)
        if self.filter_cfg['filter_empty_gt']:
            keep &= self.data_list.num_boxes > 0
        if self.filter_cfg['filter_empty_relations']:
            keep &= self.data_list.num_relations > 0
        return self.data_list.subset(keep)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """Return the annotations of an image, see the class."""
        # Items are built on access, so the parent's deepcopy is not needed (it
        # would take 80 % of the time).
        data_info = self.data_list[idx]
        folders = self.data_prefix['img']
        data_info.update(
            img_path=self._find_image(data_info.pop('file_name'), folders),
            img_folders=folders,
            predicates=self._metainfo['predicates'],
            sample_idx=idx % len(self),
        )
        return data_info

    def __getitem__(self, idx: int) -> dict:
        """Return an item after the pipeline.

        Its random numbers depend on ``entropy`` and the index only, not on the
        process or the order in which items are loaded. An image that a wrapper
        repeats within an epoch has the same ones each time.
        """
        if self.entropy is None:
            return super().__getitem__(idx)
        with seeded(*self.entropy, idx % len(self)):
            return super().__getitem__(idx)

    def get_subset(self, indices: Sequence[int] | int) -> BaseSceneGraphDataset:
        """Return a data set with some of the images, see the parent."""
        subset = super().get_subset(indices)
        subset._count_part()
        return subset

    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Keep some of the images, see the parent."""
        super().get_subset_(indices)
        self._count_part()

    def _get_unserialized_subset(self, indices: Sequence[int] | int) -> GraphAnnotations:
        if isinstance(indices, int):
            return self.data_list[:indices] if indices >= 0 else self.data_list[indices:]
        return self.data_list.subset(indices)

    def _count_part(self) -> None:
        """Update the statistics after a training set was cut."""
        if self.split == 'train':
            self._count(self.data_list)

    def _count(self, training: GraphAnnotations) -> None:
        """Update the statistics from the training images with relations."""
        self._statistics = DatasetStatistics.from_annotations(
            training.subset(training.num_relations > 0)
        )
        self._metainfo['predicate_train_counts'] = self._statistics.predicate_counts.tolist()

    def _set_names(self, classes: Sequence[str], predicates: Sequence[str]) -> None:
        """Take names of the annotations unless ``metainfo`` gave them."""
        for key, values in dict(classes=classes, predicates=predicates).items():
            given = self._given_metainfo.get(key, values)
            if len(given) != len(values):
                raise ValueError(
                    f'metainfo has {len(given)} {key}, but the annotations in '
                    f'{self.data_root or self.ann_file} have {len(values)}'
                )
            self._metainfo[key] = tuple(given)
        self._metainfo.setdefault(
            'palette',
            # Tuples, because MMDetection takes a list for several colours.
            [
                tuple(int(value) for value in colour)
                for colour in get_palette('random', len(classes))
            ],
        )

    def _find_image(self, file_name: str, folders: Sequence[str]) -> str:
        """Return the path in the first folder that has the image, or in the first."""
        paths = [join_path(folder, file_name) for folder in folders]
        if len(paths) == 1:
            return paths[0]
        return next((p for p in paths if exists(p, backend_args=self.backend_args)), paths[0])

    def _join_prefix(self) -> None:
        """Join paths to ``data_root``; several image folders are allowed."""
        for key in self.FILES:
            if path := getattr(self, key):
                setattr(self, key, join_root(self.data_root, path))
        folders = self.data_prefix['img']
        if isinstance(folders, str):
            folders = (folders,)
        self.data_prefix['img'] = tuple(join_root(self.data_root, folder) for folder in folders)
