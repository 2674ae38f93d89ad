"""Load an image and the relations between its objects."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform, LoadImageFromFile

from mmsgp.datasets.image_files import MAX_PIXELS, missing_image, read_as_annotated
from mmsgp.registry import TRANSFORMS
from mmsgp.structures.bbox import boxes_overlap


@TRANSFORMS.register_module()
class LoadImage(LoadImageFromFile):
    """Load an image; errors name a missing, damaged or wrongly sized one.

    It is turned upright by its EXIF data, as MMDetection and viewers do and as it
    is parsed later; where only the pixels as they lie in the file have the
    annotated size, these are taken, see :func:`.read_as_annotated`.

    Required Keys:

    - img_path
    - img_id, img_folders (optional): named in errors.
    - height, width (optional): the size that the boxes refer to.

    Modified Keys:

    - img
    - img_shape
    - ori_shape

    Args:
        color_type: As in :class:`mmcv.transforms.LoadImageFromFile`. Defaults
            to ``'color'``. ``'color_ignore_orientation'`` is for data whose
            boxes are all on the pixels as they lie. Grey images get three
            channels.
        max_pixels: Larger images are not decoded. Defaults to 64 million.
        **kwargs: Arguments of :class:`mmcv.transforms.LoadImageFromFile`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is not an image, too large, or of another size
            than annotated.
    """

    def __init__(self, color_type: str = 'color', max_pixels: int = MAX_PIXELS, **kwargs) -> None:
        super().__init__(color_type=color_type, **kwargs)
        self.max_pixels = max_pixels

    def transform(self, results: dict) -> dict | None:
        """Load the image of ``results['img_path']``."""
        path = results['img_path']
        try:
            image = read_as_annotated(
                path,
                (results['height'], results['width']) if 'height' in results else None,
                self.color_type,
                max_pixels=self.max_pixels,
                imdecode_backend=self.imdecode_backend,
                backend_args=self.backend_args or self.file_client_args,
            )
        except (OSError, ValueError) as error:
            if self.ignore_empty:
                return None
            if not isinstance(error, FileNotFoundError):
                raise
            raise FileNotFoundError(
                missing_image(results.get('img_id'), path, results.get('img_folders', ()))
            ) from error
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        self._check_size(results)
        return results

    @staticmethod
    def _check_size(results: dict) -> None:
        annotated = results.get('height'), results.get('width')
        if None not in annotated and results['img_shape'] != annotated:
            height, width = results['img_shape']
            raise ValueError(
                f'{results["img_path"]} is {width} x {height} pixels, but '
                f'annotated as {annotated[1]} x {annotated[0]}: its boxes would '
                'not fit. Use the images that the annotations were made on'
            )


@TRANSFORMS.register_module()
class LoadRelations(BaseTransform):
    """Load the relations between the annotated objects.

    Required Keys:

    - relations: (M, 3), subject index, object index and predicate.
    - relations_unseen (optional): (M,) bool.
    - gt_bboxes (for ``overlapping_only``)

    Added Keys:

    - gt_relation_pairs: (M, 2) int64, subject and object index.
    - gt_relation_labels: (M,) int64, predicates ``1 .. R``.
    - gt_relation_unseen (if there is relations_unseen): (M,) bool.

    Args:
        sample_duplicates: Keep one relation per ordered pair, drawn again each
            time, because in training a pair has one target. Defaults to False:
            all relations as annotated.
        overlapping_only: Leave out relations of boxes that do not overlap,
            because SGGen never pairs such boxes. Skip the image (by returning
            None, so that the data set reads another) if none is left. Defaults
            to False.
    """

    def __init__(self, sample_duplicates: bool = False, overlapping_only: bool = False) -> None:
        self.sample_duplicates = sample_duplicates
        self.overlapping_only = overlapping_only

    def transform(self, results: dict) -> dict | None:
        """Turn ``relations`` into pairs and labels."""
        relations = np.asarray(results['relations'], dtype=np.int64).reshape(-1, 3)
        kept = np.arange(len(relations))
        if self.overlapping_only:
            boxes = results['gt_bboxes'].numpy()
            kept = kept[boxes_overlap(boxes[relations[:, 0]], boxes[relations[:, 1]])]
            if not len(kept):
                return None
        if self.sample_duplicates:
            kept = _one_per_pair(relations, kept)
        results['gt_relation_pairs'] = relations[kept, :2]
        results['gt_relation_labels'] = relations[kept, 2]
        if 'relations_unseen' in results:
            results['gt_relation_unseen'] = results['relations_unseen'][kept]
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}('
            f'sample_duplicates={self.sample_duplicates}, '
            f'overlapping_only={self.overlapping_only})'
        )


def _one_per_pair(relations: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Draw one row per ordered pair; its annotations are equally likely."""
    # The global generator is the one that MMEngine seeds in each worker.
    shuffled = np.random.permutation(rows)  # noqa: NPY002
    _, first = np.unique(relations[shuffled, :2], axis=0, return_index=True)
    return shuffled[first]
