"""All formats that are read, and those that are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmsgp.datasets.graph_annotations import GraphAnnotations

from . import (
    coco_rel_json,
    coco_relations,
    cvat,
    gqa200,
    label_studio,
    open_images,
    psg,
    vg_sgg,
    vrd,
)


@dataclass(frozen=True)
class Format:
    """A format of annotations.

    Args:
        title: Its name in the literature.
        read: Reads a folder or a file.
        image_folders: Folders of the images within it; ``{split}`` stands for the
            split of the image.
        not_read: What it has that is not read.
        read_names: Reads the names of classes and predicates alone. Defaults to None:
            only the annotations have them.
        write: Writes annotations to a folder. Defaults to None: it is not written.
        written: Patterns of the files that are written.
    """

    title: str
    read: Callable[[str], GraphAnnotations]
    image_folders: tuple[str, ...]
    not_read: str = ''
    read_names: Callable[[str], dict[str, tuple[str, ...]]] | None = None
    write: Callable[[GraphAnnotations, Path], None] | None = None
    written: tuple[str, ...] = ()

    def folders(self, split: str) -> tuple[str, ...]:
        """Return the folders of the images of a split."""
        return tuple(folder.format(split=split) for folder in self.image_folders)


FORMATS = {
    'vg-sgg': Format(
        'VG-SGG (Visual Genome, IndoorVG)',
        vg_sgg.read_vg_sgg,
        ('images', 'VG_100K', 'VG_100K_2', ''),
        not_read='attributes of objects',
        write=vg_sgg.write_vg_sgg_exactly,
        written=(vg_sgg.ANN_FILE, vg_sgg.DICT_FILE, vg_sgg.IMAGE_FILE),
    ),
    'coco-relations': Format(
        'COCO with relations (SGG-Benchmark)',
        coco_relations.read_coco_relations,
        ('{split}', 'valid', 'train', ''),
        not_read='masks, iscrowd, supercategories',
        read_names=coco_relations.read_coco_relations_names,
        write=coco_relations.write_coco_relations,
        written=tuple(f'{split}/{coco_relations.FILE}' for split in coco_relations.FILES),
    ),
    'psg': Format(
        'PSG (panoptic scene graphs)',
        psg.read_psg,
        ('',),
        not_read='masks, and which classes are stuff',
        read_names=psg.read_psg_names,
        write=psg.write_psg,
        written=(psg.FILE,),
    ),
    'open-images': Format(
        'Open Images V6 and V4 relations (PySGG)',
        open_images.read_open_images,
        ('images',),
        read_names=open_images.read_open_images_names,
    ),
    'gqa-200': Format(
        'GQA-200 (SHA-GCL)',
        gqa200.read_gqa200,
        ('images',),
        not_read='test item 5580, as in the reference implementation',
        read_names=gqa200.read_gqa200_names,
    ),
    'vrd': Format(
        'VRD (StanfordVL)',
        vrd.read_vrd,
        ('images', 'sg_train_images', 'sg_test_images', ''),
        read_names=vrd.read_vrd_names,
    ),
    'coco-rel-json': Format(
        'COCO + rel.json (RelTR, EGTR)',
        coco_rel_json.read_coco_rel_json,
        ('images', ''),
        not_read='masks, iscrowd, supercategories',
        read_names=coco_rel_json.read_coco_rel_json_names,
    ),
    'label-studio': Format(
        'Label Studio, JSON',
        label_studio.read_label_studio,
        ('images', ''),
        not_read='tasks without annotations, cancelled annotations, predictions',
    ),
    'cvat': Format(
        'CVAT for images 1.1, relations as attributes',
        cvat.read_cvat,
        ('images', ''),
        not_read='tags, other attributes',
    ),
}
