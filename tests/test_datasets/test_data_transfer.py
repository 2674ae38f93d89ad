"""Transfer of annotations, on six images."""

import h5py
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmsgp.datasets import VGDataset, write_vg_sgg
from mmsgp.evaluation import PredictionWriter
from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import predicted_sample

MAN, HORSE = 0, 1
ON, RIDING, NEAR = 1, 2, 3
# Each image: predicate of (man, horse), probabilities of unknown, on, riding, near.
# The two boxes overlap, but for the last image.
IMAGES = [
    (ON, (0.1, 0.5, 0.3, 0.1)),
    (ON, (0.1, 0.4, 0.4, 0.1)),
    (ON, (0.1, 0.6, 0.2, 0.1)),
    (RIDING, (0.1, 0.6, 0.2, 0.1)),
    (None, (0.5, 0.3, 0.15, 0.05)),
    (ON, (0.2, 0.7, 0.05, 0.05)),
]
# Of (horse, man) in each image. It is annotated once, in image 6: near.
BACK = (0.3, 0.1, 0.1, 0.5)


@pytest.fixture
def six(tmp_path):
    boxes = [np.array([[10, 0, 40, 50], [20, 20, 70, 60]], float) for _ in IMAGES]
    boxes[5] = boxes[5] + [[0, 0, 0, 0], [25, 0, 25, 0]]
    relations = [[] if p is None else [(0, 1, p)] for p, _ in IMAGES]
    relations[5].append((1, 0, NEAR))
    write_vg_sgg(
        tmp_path,
        [dict(image_id=i, width=100, height=80, split='train') for i in range(6)],
        boxes,
        [np.array([MAN, HORSE])] * 6,
        [np.array(r).reshape(-1, 3) for r in relations],
        ('man', 'horse'),
        ('on', 'riding', 'near'),
    )
    write_predictions(tmp_path / 'train.h5', boxes)
    return tmp_path


def write_predictions(path, boxes, limit=100):
    with PredictionWriter(path, dict(classes=['man', 'horse'], predicates=['p'] * 3), limit) as out:
        for i, (_, distribution) in enumerate(IMAGES):
            rows = torch.tensor([distribution, BACK])
            best, labels = rows[:, 1:].max(dim=1)
            order = best.argsort(descending=True)
            graph = SceneGraph(
                objects=InstanceData(
                    bboxes=torch.from_numpy(boxes[i]),
                    labels=torch.tensor([MAN, HORSE]),
                    scores=torch.ones(2),
                ),
                relations=InstanceData(
                    pairs=torch.tensor([[0, 1], [1, 0]])[order],
                    labels=1 + labels[order],
                    scores=best[order],
                    predicate_scores=best[order],
                    weights=torch.ones(2),
                    distribution=rows[order],
                ),
            )
            out.write(predicted_sample(i, graph, predcls=graph).to_dict())


def relations_of(root, name):
    """Relations of the six images as a training set reads them."""
    dataset = VGDataset(
        ann_file=str(root / name),
        data_root=str(root),
        num_val_images=0,
        filter_cfg=dict(filter_empty_relations=False),
    )
    return [dataset.get_data_info(i)['relations'].tolist() for i in range(6)]


def test_riding_is_taken_from_on_where_it_is_most_probable(six, run_tool, capsys):
    """Attractions of (man, horse): on 4/4, riding 1/1, near 0/1.

    With equal attraction nothing is taken; a horse on a man lowers that of on to 4/5.
    Then riding, which the model takes for on, takes half of the four, the most
    probable, images 2 and 1.
    """
    run_tool('dataset_converters/ietrans', 'internal', six / 'train.h5', six, six / 'same.h5')
    assert relations_of(six, 'same.h5') == relations_of(six, 'VG-SGG.h5')

    with h5py.File(six / 'VG-SGG.h5', 'a') as file:
        assert file['predicates'][-1, 0] == NEAR
        file['predicates'][-1, 0] = ON
    expected = relations_of(six, 'VG-SGG.h5')
    expected[0][0][2] = expected[1][0][2] = RIDING
    run_tool(
        'dataset_converters/ietrans', 'internal', six / 'train.h5', six, six / 'out.h5',
        '--ratio', 0.5,
    )  # fmt: skip
    assert relations_of(six, 'out.h5') == expected
    assert '2 relations internally transferred' in capsys.readouterr().out


def test_overlapping_pairs_without_a_relation_get_one(six, run_tool):
    """Image 5 may have on or riding; all (horse, man) but that of image 6 only near.

    Probabilities of unknown among what is possible: (man, horse) of image 5
    0.5 / 0.95, (horse, man) 0.3 / 0.8.
    """
    external = ('dataset_converters/ietrans', 'external', six / 'train.h5', six)
    run_tool(*external, six / 'all.h5', '--num-frequent', 0)
    before = relations_of(six, 'VG-SGG.h5')
    expected = [own + [[1, 0, NEAR]] for own in before]
    expected[4] = [[0, 1, ON], [1, 0, NEAR]]
    expected[5] = before[5]
    assert relations_of(six, 'all.h5') == expected

    # on is the most frequent of the three
    run_tool(*external, six / 'rare.h5')
    expected[4] = [[1, 0, NEAR]]
    assert relations_of(six, 'rare.h5') == expected

    # of six pairs the five surest
    run_tool(*external, six / 'sure.h5', '--num-frequent', 0, '--ratio', 0.9)
    assert relations_of(six, 'sure.h5') == expected


def test_both_transfers_are_combined(six, run_tool):
    with h5py.File(six / 'VG-SGG.h5', 'a') as file:
        file['predicates'][-1, 0] = ON
    tool = 'dataset_converters/ietrans'
    run_tool(tool, 'internal', six / 'train.h5', six, six / 'in.h5', '--ratio', 0.5)
    run_tool(
        tool, 'external', six / 'train.h5', six, six / 'both.h5',
        '--add-to', 'in.h5', '--num-frequent', 0,
    )  # fmt: skip
    expected = [own + [[1, 0, ON]] for own in relations_of(six, 'in.h5')]
    expected[4] = [[0, 1, ON], [1, 0, ON]]
    expected[5].pop()
    assert relations_of(six, 'both.h5') == expected
    with h5py.File(six / 'both.h5') as new, h5py.File(six / 'VG-SGG.h5') as old:
        for key in set(old) - {'relationships', 'predicates'}:
            if 'rel' not in key:
                np.testing.assert_array_equal(new[key], old[key])


@pytest.mark.parametrize('transfer', ['internal', 'external'])
def test_what_cannot_be_transferred_ends_in_a_line(six, run_tool, transfer):
    def call(*arguments):
        run_tool('dataset_converters/ietrans', transfer, *arguments)

    with pytest.raises(SystemExit, match=r'VG-SGG.h5 is the file that is read'):
        call(six / 'train.h5', six, six / 'VG-SGG.h5')
    write_predictions(six / 'few.h5', [np.ones((2, 4))] * 6, limit=5)
    with pytest.raises(SystemExit, match=r'image 0 has 5 of 6 probabilities: .*ng_limit'):
        call(six / 'few.h5', six, six / 'out.h5')
    assert not (six / 'out.h5').exists()
