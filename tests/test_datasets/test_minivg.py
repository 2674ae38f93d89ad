"""MiniVG is reproducible, and has the difficulties of Visual Genome."""

from __future__ import annotations

import collections
import hashlib
import json

import cv2
import h5py
import numpy as np
import pytest

from mmsgp.datasets.minivg import generate as minivg
from mmsgp.datasets.minivg import generate_minivg
from mmsgp.datasets.minivg.annotator import annotate, salience
from mmsgp.datasets.minivg.rules import Relation, find_relations
from mmsgp.datasets.minivg.scene import MIN_SIDE, MIN_VISIBLE, SIDE
from mmsgp.datasets.minivg.scenes import make_scene
from mmsgp.datasets.minivg.tables import CLASSES, PREDICATES

SMALL = dict(num_train=6, num_val=2, num_test=4)
NUM_SCENES = 700


@pytest.fixture(scope='module')
def scenes():
    """Scenes, all their relations, and the annotated ones."""
    result = []
    for index in range(NUM_SCENES):
        rng = np.random.default_rng([5, index])
        scene = make_scene(rng)
        relations = find_relations(scene.labels, scene.boxes)
        result.append((scene, relations, annotate(scene.labels, scene.boxes, relations, rng)))
    return result


def digest(folder):
    files = [p for p in sorted(folder.rglob('*')) if p.is_file()]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_workers(tmp_path):
    for name, options in dict(
        a=dict(num_workers=1), b=dict(num_workers=2), c=dict(num_workers=1, seed=1)
    ).items():
        assert generate_minivg(tmp_path / name, **SMALL, **options)
    assert digest(tmp_path / 'a') == digest(tmp_path / 'b')
    a, c = digest(tmp_path / 'a'), digest(tmp_path / 'c')
    assert a.keys() == c.keys()
    assert a['VG-SGG.h5'] != c['VG-SGG.h5']
    assert a['images/1.jpg'] != c['images/1.jpg']


def test_a_folder_with_the_same_data_is_not_changed(tmp_path):
    assert generate_minivg(tmp_path, **SMALL, num_workers=1)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')}
    assert not generate_minivg(tmp_path, **SMALL, num_workers=1)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')} == before
    assert generate_minivg(tmp_path, **SMALL, seed=3, num_workers=1)


def test_an_incomplete_folder_is_generated_again(tmp_path):
    generate_minivg(tmp_path, **SMALL, num_workers=1)
    (tmp_path / 'VG-SGG.h5').unlink()
    assert generate_minivg(tmp_path, **SMALL, num_workers=1)


def test_files_hold_the_options_images_and_splits(tmp_path):
    generate_minivg(tmp_path, **SMALL, num_workers=1)
    with h5py.File(tmp_path / 'VG-SGG.h5', 'r') as file:
        assert file['split'][:].tolist() == [0] * 8 + [2] * 4
    images = json.loads((tmp_path / 'image_data.json').read_text())
    assert len(images) == 12
    for image in images:
        pixels = cv2.imread(str(tmp_path / f'images/{image["image_id"]}.jpg'))
        assert pixels.shape == (image['height'], image['width'], 3)


def test_invalid_numbers_of_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match='MiniVG needs images'):
        generate_minivg(tmp_path, num_train=-1)
    with pytest.raises(ValueError, match='MiniVG needs images'):
        generate_minivg(tmp_path, 0, 0, 0)


def test_statistics_are_printed(tmp_path, capsys):
    generate_minivg(tmp_path, **SMALL, num_workers=1)
    minivg.print_statistics(tmp_path)
    assert 'lying on' in capsys.readouterr().out


def test_the_world_is_large_enough():
    assert len(CLASSES) >= 20
    assert len(PREDICATES) >= 15
    assert all(p.coarse is None or p.coarse in PREDICATES for p in PREDICATES.values())


def test_predicates_have_a_long_tail(scenes):
    counts = collections.Counter(word for _, _, annotated in scenes for _, _, word in annotated)
    shares = np.array([counts[name] for name in PREDICATES]) / counts.total()
    assert shares.max() > 0.25
    assert 0.002 < shares.min() < 0.01
    # 500 test images contain each of them eight times.
    assert shares.min() * counts.total() / NUM_SCENES * 500 >= 8


def test_scenes_are_small_and_well_visible(scenes):
    for scene, _, _ in scenes:
        boxes = np.array(scene.boxes)
        assert 7 <= len(boxes) <= 12
        assert (boxes >= 0).all() and (boxes <= SIDE).all()
        assert (boxes[:, 2:] - boxes[:, :2]).min() >= MIN_SIDE
        assert scene.visible_parts().min() >= MIN_VISIBLE


def test_every_relation_annotated_holds(scenes):
    for _, relations, annotated in scenes:
        true = {(r.subject, r.object): r.predicate for r in relations}
        for subject, object_, word in annotated:
            fine = true[subject, object_]
            assert word in (fine, PREDICATES[fine].coarse)


def test_most_relations_are_not_annotated(scenes):
    annotated = np.mean([len(a) for *_, a in scenes])
    true = np.mean([len(r) for _, r, _ in scenes])
    assert 5 < annotated < 8
    assert true > 2.5 * annotated


def test_relations_follow_from_geometry(scenes):
    seen = collections.Counter()
    for scene, relations, _ in scenes:
        for relation in relations:
            sx1, sy1, sx2, sy2 = scene.boxes[relation.subject]
            ox1, oy1, ox2, oy2 = scene.boxes[relation.object]
            wide = (sx2 - sx1) / (sy2 - sy1)
            seen[relation.predicate] += 1
            holds = {
                'above': sy2 <= oy1 + 2,
                'riding': sy1 < oy1 and ox1 < (sx1 + sx2) / 2 < ox2,
                'behind': sy2 < oy2,
                'in front of': sy2 > oy2,
                'lying on': wide >= 1.4,
                'standing on': wide < 1.9,
                'walking on': wide < 0.7,
                'parked on': sy2 < oy1 + 0.4 * (oy2 - oy1),
                'eating': oy1 < sy2 and sy1 < oy2,
            }
            assert holds.get(relation.predicate, True), relation
    assert all(seen[name] for name in PREDICATES if name != 'has')


def test_annotators_are_often_coarse(scenes):
    fine, coarse = collections.Counter(), collections.Counter()
    several = 0
    for _, relations, annotated in scenes:
        true = {(r.subject, r.object): r.predicate for r in relations}
        several += len(annotated) - len({pair[:2] for pair in annotated})
        for subject, object_, word in annotated:
            name = true[subject, object_]
            (fine if word == name else coarse)[name] += 1
    for name, predicate in PREDICATES.items():
        share = coarse[name] / (coarse[name] + fine[name])
        # A pair with both words counts twice, which lowers the share slightly.
        assert share == pytest.approx(predicate.coarse_prob, abs=0.17)
    assert several > 0


def test_relations_of_the_largest_foreground_object_are_salient():
    labels = ['person', 'person', 'grass']
    boxes = [(10, 20, 40, 120), (90, 60, 105, 110), (0, 60, 160, 160)]
    relations = [Relation(i, 2, 'standing on') for i in (0, 1)]
    large, small = salience(labels, boxes, relations)
    assert large > small + 1


def test_annotators_do_not_repeat_themselves():
    labels = ['window'] * 12 + ['building', 'cup', 'table']
    boxes = [(i, 0, i + 14, 14) for i in range(12)]
    boxes += [(0, 0, 60, 60), (80, 80, 95, 95), (70, 90, 140, 130)]
    relations = [Relation(i, 12, 'on') for i in range(12)]
    relations.append(Relation(13, 14, 'on', trivial=True))
    cup = [
        any(a[0] == 13 for a in annotate(labels, boxes, relations, np.random.default_rng(seed)))
        for seed in range(40)
    ]
    assert np.mean(cup) > 0.5


@pytest.mark.parametrize(
    'predicate, subject, s_box, object_, o_box',
    [
        ('lying on', 'dog', (40, 84, 84, 104), 'sofa', (30, 95, 120, 140)),
        ('standing on', 'dog', (40, 72, 76, 100), 'sofa', (30, 95, 120, 140)),
        ('sitting on', 'dog', (40, 70, 66, 100), 'sofa', (30, 95, 120, 140)),
        ('walking on', 'person', (40, 50, 70, 110), 'street', (0, 80, 160, 160)),
        ('standing on', 'person', (40, 50, 64, 110), 'street', (0, 80, 160, 160)),
        ('parked on', 'car', (40, 70, 90, 95), 'street', (0, 80, 160, 160)),
        ('on', 'car', (40, 110, 90, 140), 'street', (0, 80, 160, 160)),
        ('riding', 'person', (60, 30, 85, 95), 'horse', (40, 80, 100, 122)),
        ('wearing', 'person', (40, 20, 70, 110), 'hat', (45, 16, 65, 32)),
        ('holding', 'person', (40, 20, 70, 110), 'cup', (66, 62, 82, 78)),
        ('under', 'cat', (50, 110, 80, 130), 'table', (30, 85, 115, 130)),
        ('above', 'bird', (50, 10, 74, 28), 'tree', (40, 40, 90, 110)),
    ],
)
def test_a_rule_matches(predicate, subject, s_box, object_, o_box):
    relations = find_relations([subject, object_], [s_box, o_box])
    assert predicate in [r.predicate for r in relations if r.subject == 0]


def test_a_thing_rests_in_one_place():
    labels = ['person', 'horse', 'grass']
    boxes = [(60, 30, 85, 95), (40, 80, 100, 122), (0, 60, 160, 160)]
    support = [
        (r.predicate, r.object)
        for r in find_relations(labels, boxes)
        if r.subject == 0 and not r.trivial
    ]
    assert support == [('riding', 1)]
