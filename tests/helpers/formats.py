"""The same small scenes in each format, written as each format is described.

Nothing here is taken from the package's writers.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import cv2
import h5py
import numpy as np

CLASSES = ['cup', 'dog', 'man']
PREDICATES = ['holding', 'left of', 'on']
THIRD = 1 / 3
# Boxes x1, y1, x2, y2; classes from 0; relations: subject, object, predicate from 1.
SCENES = [
    dict(
        id=id_,
        file=f'{id_}.jpg',
        width=64,
        height=48,
        split=split,
        boxes=boxes,
        labels=labels,
        relations=relations,
    )
    for id_, split, boxes, labels, relations in [
        (21, 'train', [[1.0, 2.0, 30.5, 40.25], [10.0, 4.0, 64.0, 48.0]], [2, 0], [[0, 1, 1]]),
        (7, 'test', [[0.1, 0.2, 11.3, 12.7], [THIRD, 5.0, 20.7, 30.1]], [1, 2], [[0, 1, 3]]),
        (
            5,
            'train',
            [[3.0, 3.0, 9.0, 9.0], [20.1, 20.2, 40.3, 41.4], [3.3, 4.4, 60.5, 44.6]],
            [0, 2, 2],
            [[0, 1, 3], [1, 2, 2], [0, 1, 3], [1, 1, 1], [2, 0, 1]],
        ),
        (9, 'train', [[5.0, 5.0, 25.0, 25.0], [8.0, 8.0, 16.0, 16.0]], [1, 1], [[0, 1, 3]]),
        (30, 'val', [[2.0, 2.0, 12.0, 14.0], [7.0, 1.0, 33.0, 43.0]], [2, 1], [[0, 1, 2]]),
        (12, 'train', [], [], []),
    ]
]


def write_images(folder: Path, scenes: list[dict] = SCENES) -> None:
    """Write an image of one colour for each scene."""
    for scene in scenes:
        path = folder / scene['file']
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((scene['height'], scene['width'], 3), scene['id'], np.uint8)
        cv2.imwrite(str(path), pixels)


def vg_sgg(root: Path, split_key: str = 'split') -> Path:
    """Centre boxes at 1024 in float64, classes and predicates from 1."""
    boxes = [np.reshape(s['boxes'], (-1, 4)) * 1024 / 64 for s in SCENES]
    boxes = np.concatenate(boxes)
    sizes = [len(s['boxes']) for s in SCENES]
    rels = [len(s['relations']) for s in SCENES]
    first = np.cumsum(sizes) - sizes
    with h5py.File(root / 'VG-SGG.h5', 'w') as file:
        codes = dict(train=0, val=1, test=2)
        file[split_key] = [codes[s['split']] for s in SCENES]
        file['boxes_1024'] = np.hstack(
            [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]]
        )
        file['labels'] = [[c + 1] for s in SCENES for c in s['labels']]
        file['attributes'] = np.zeros((len(boxes), 10), int)
        ends = [[r[0] + f, r[1] + f] for s, f in zip(SCENES, first) for r in s['relations']]
        file['relationships'] = ends
        file['predicates'] = [[r[2]] for s in SCENES for r in s['relations']]
        for name, counts in (('box', sizes), ('rel', rels)):
            last = np.cumsum(counts) - 1
            none = np.equal(counts, 0)
            file[f'img_to_last_{name}'] = np.where(none, -1, last)
            file[f'img_to_first_{name}'] = np.where(none, -1, last - counts + 1)
    dicts = {}
    for kind, names in (('label', CLASSES), ('predicate', PREDICATES)):
        dicts[f'idx_to_{kind}'] = {str(i): n for i, n in enumerate(names, 1)}
        dicts[f'{kind}_to_idx'] = {n: i for i, n in enumerate(names, 1)}
    dump(root / 'VG-SGG-dicts.json', dicts)
    images = [dict(image_id=s['id'], width=s['width'], height=s['height']) for s in SCENES]
    dump(root / 'image_data.json', images)
    return root


def indoorvg(root: Path) -> Path:
    """VG-SGG with another name of the h5 file and of its splits."""
    vg_sgg(root, 'split_rel')
    (root / 'VG-SGG.h5').rename(root / 'VG-SGG-augmented-penet-cat.h5')
    return root


def psg(root: Path) -> Path:
    """Text ids, classes and predicates from 0."""
    content = dict(
        data=[
            dict(
                image_id=str(s['id']),
                file_name=s['file'],
                width=s['width'],
                height=s['height'],
                annotations=[dict(bbox=b, category_id=c) for b, c in zip(s['boxes'], s['labels'])],
                relations=[[a, b, p - 1] for a, b, p in s['relations']],
            )
            for s in SCENES
        ],
        test_image_ids=[str(s['id']) for s in SCENES if s['split'] == 'test'],
        val_image_ids=[str(s['id']) for s in SCENES if s['split'] == 'val'],
        thing_classes=CLASSES[:2],
        stuff_classes=CLASSES[2:],
        predicate_classes=PREDICATES,
    )
    dump(root / 'psg.json', content)
    return root


def open_images(root: Path) -> Path:
    """Classes and predicates from 0, names of the files as ids."""
    for split in ('train', 'val', 'test'):
        content = [
            dict(
                img_fn=str(s['id']),
                img_size=[s['width'], s['height']],
                bbox=s['boxes'],
                det_labels=s['labels'],
                rel=[[a, b, p - 1] for a, b, p in s['relations']],
            )
            for s in of_split(split)
        ]
        dump(root / f'annotations/vrd-{split}-anno.json', content)
    dump(root / 'annotations/categories_dict.json', dict(obj=CLASSES, rel=PREDICATES))
    return root


def gqa200(root: Path) -> Path:
    """Parallel lists, classes and predicates from 1, no validation."""
    info = dict(
        ind_to_classes=['__background__', *CLASSES],
        ind_to_predicates=['__background__', *PREDICATES],
    )
    dump(root / 'GQA_200_ID_Info.json', info)
    for name, splits in (('Train', ('train', 'val')), ('Test', ('test',))):
        scenes = [s for s in SCENES if s['split'] in splits]
        content = dict(
            filenames_all=[s['file'] for s in scenes],
            img_info_all=[dict(width=s['width'], height=s['height']) for s in scenes],
            gt_boxes_all=[s['boxes'] for s in scenes],
            gt_classes_all=[[c + 1 for c in s['labels']] for s in scenes],
            relationships_all=[s['relations'] for s in scenes],
        )
        dump(root / f'GQA_200_{name}.json', content)
    return root


def vrd(root: Path) -> Path:
    """Objects only within relations, ymin, ymax, xmin, xmax, no validation."""

    def thing(scene: dict, index: int) -> dict:
        x1, y1, x2, y2 = scene['boxes'][index]
        return dict(category=scene['labels'][index], bbox=[y1, y2, x1, x2])

    for name, splits in (('train', ('train', 'val')), ('test', ('test',))):
        content = {
            s['file']: [
                dict(predicate=p - 1, subject=thing(s, a), object=thing(s, b))
                for a, b, p in s['relations']
            ]
            for s in SCENES
            if s['split'] in splits
        }
        dump(root / f'annotations_{name}.json', content)
    sizes = {s['file']: dict(width=s['width'], height=s['height']) for s in SCENES}
    dump(root / 'image_metadata.json', sizes)
    dump(root / 'objects.json', CLASSES)
    dump(root / 'predicates.json', PREDICATES)
    return root


def coco(scenes: list[dict], first_id: int = 1) -> tuple[dict, dict]:
    """A COCO file, and the ids of the annotations by scene and index."""
    ids, annotations = {}, []
    for scene in scenes:
        for index, (x1, y1, x2, y2) in enumerate(scene['boxes']):
            number = first_id + len(annotations)
            ids[scene['id'], index] = number
            annotations.append(
                dict(
                    id=number,
                    image_id=scene['id'],
                    category_id=scene['labels'][index] + 1,
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                )
            )
    images = [
        dict(id=s['id'], file_name=s['file'], width=s['width'], height=s['height']) for s in scenes
    ]
    categories = [dict(id=i, name=n) for i, n in enumerate(CLASSES, 1)]
    return dict(images=images, annotations=annotations, categories=categories), ids


def coco_rel_json(root: Path) -> Path:
    """Ends by position in the image, predicates from 1."""
    relations = dict(rel_categories=['__background__', *PREDICATES])
    for split in ('train', 'val', 'test'):
        scenes = of_split(split)
        dump(root / f'{split}.json', coco(scenes)[0])
        relations[split] = {str(s['id']): s['relations'] for s in scenes}
    dump(root / 'rel.json', relations)
    return root


def coco_relations(root: Path) -> Path:
    """Ends by the ids of annotations, predicates from 1."""
    for split in ('train', 'val', 'test'):
        scenes = of_split(split)
        content, ids = coco(scenes, first_id=100)
        rows = [(s, *r) for s in scenes for r in s['relations']]
        content['rel_categories'] = [dict(id=i, name=n) for i, n in enumerate(PREDICATES, 1)]
        content['rel_annotations'] = [
            dict(
                id=number,
                image_id=s['id'],
                subject_id=ids[s['id'], a],
                object_id=ids[s['id'], b],
                predicate_id=p,
            )
            for number, (s, a, b, p) in enumerate(rows)
        ]
        dump(root / f'{split}/_annotations.coco.json', content)
    return root


def label_studio(root: Path) -> Path:
    """Boxes in percent, ends by the ids of regions, names instead of numbers."""
    tasks = []
    for s in SCENES:
        size = dict(original_width=s['width'], original_height=s['height'], image_rotation=0)
        result = [
            dict(
                id=f'r{index}',
                type='rectanglelabels',
                **size,
                value=dict(
                    x=100 * x1 / s['width'],
                    y=100 * y1 / s['height'],
                    width=100 * (x2 - x1) / s['width'],
                    height=100 * (y2 - y1) / s['height'],
                    rotation=0,
                    rectanglelabels=[CLASSES[s['labels'][index]]],
                ),
            )
            for index, (x1, y1, x2, y2) in enumerate(s['boxes'])
        ]
        result += [
            dict(
                type='relation',
                from_id=f'r{a if p != 2 else b}',
                to_id=f'r{b if p != 2 else a}',
                direction='right' if p != 2 else 'left',
                labels=[PREDICATES[p - 1]],
            )
            for a, b, p in s['relations']
        ]
        tasks.append(
            dict(
                id=s['id'],
                data=dict(image=f'/data/local-files/?d={s["file"]}'),
                annotations=[dict(id=1, was_cancelled=False, result=result)],
            )
        )
    dump(root / 'export.json', tasks)
    return root / 'export.json'


def cvat(root: Path) -> Path:
    """Relations as attributes of the subject's box."""
    tree = ElementTree.Element('annotations')
    for s in SCENES:
        image = ElementTree.SubElement(
            tree,
            'image',
            id=str(s['id']),
            name=s['file'],
            subset=dict(train='Train', val='Validation', test='Test')[s['split']],
            width=str(s['width']),
            height=str(s['height']),
        )
        for index, box in enumerate(s['boxes']):
            corners = dict(zip(('xtl', 'ytl', 'xbr', 'ybr'), map(repr, box)))
            shape = ElementTree.SubElement(
                image, 'box', label=CLASSES[s['labels'][index]], occluded='0', **corners
            )
            relations = [f'{PREDICATES[p - 1]} {b}' for a, b, p in s['relations'] if a == index]
            for name, text in (('id', str(index)), ('relations', '; '.join(relations))):
                ElementTree.SubElement(shape, 'attribute', name=name).text = text
    ElementTree.ElementTree(tree).write(root / 'annotations.xml', encoding='utf-8')
    return root


# The miniature of each format, and of a variant.
WRITERS = {
    'vg-sgg': vg_sgg,
    'indoorvg': indoorvg,
    'psg': psg,
    'open-images': open_images,
    'gqa-200': gqa200,
    'vrd': vrd,
    'coco-rel-json': coco_rel_json,
    'coco-relations': coco_relations,
    'label-studio': label_studio,
    'cvat': cvat,
}


def of_split(split: str) -> list[dict]:
    return [scene for scene in SCENES if scene['split'] == split]


def dump(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def edit(path: Path, place: str, value: object) -> None:
    """Change a JSON file.

    Args:
        path: The file.
        place: Keys and indices, with slashes between them; empty for all of it.
        value: The new value, a function of the old one, or None to remove it.
    """
    content = part = dict(all=json.loads(path.read_text()))
    *keys, last = ('all', *filter(None, place.split('/')))
    for key in keys:
        part = part[int(key)] if isinstance(part, list) else part[key]
    last = int(last) if isinstance(part, list) else last
    if value is None:
        del part[last]
    else:
        part[last] = value(part[last]) if callable(value) else value
    dump(path, content['all'])
