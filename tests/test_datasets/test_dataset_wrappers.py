"""Training on parts of data sets, and on several at once."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset as PlainConcatDataset

from mmsgp.datasets import ConcatDataset, innermost_dataset
from mmsgp.engine import DatasetPriorsHook
from mmsgp.registry import DATASETS
from mmsgp.testing import make_vg_data


@pytest.fixture
def parts(tmp_path):
    """Two data sets with the same names."""
    return [
        make_vg_data(
            tmp_path / name, num_train=12, num_objects=(1, 5), with_images=False, seed=seed
        )
        for seed, name in enumerate(('one', 'other'))
    ]


@pytest.fixture
def joined(tmp_path, parts):
    """The training images of both as one data set, after one for validation."""
    joined = make_vg_data(
        tmp_path / 'joined', num_train=1, num_test=0, num_objects=(2, 2), with_images=False
    )
    for part in parts:
        train = part.dataset().data_list.image_ids - 1
        for name in ('images', 'boxes', 'labels', 'relations'):
            getattr(joined, name).extend(getattr(part, name)[i] for i in train)
    joined.images = [dict(image, image_id=i) for i, image in enumerate(joined.images)]
    return joined.write().dataset()


def config(parts, **changes):
    return dict(
        type='ConcatDataset',
        datasets=[dict(type='VGDataset', **part.kwargs()) for part in parts],
        **changes,
    )


def assert_equal_statistics(one, other):
    for name in (
        'triplet_counts',
        'object_counts',
        'object_cooccurrence',
        'predicate_counts',
        'predicate_cooccurrence',
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize('lazy_init', [False, True])
def test_statistics_of_several_are_those_of_all_their_images(parts, joined, lazy_init):
    both = DATASETS.build(config(parts, lazy_init=lazy_init))
    assert type(both) is ConcatDataset
    assert_equal_statistics(both.statistics, joined.statistics)
    assert len(both) == len(joined)
    assert both.metainfo == joined.metainfo


def test_several_are_found_within_a_repeat(parts, joined):
    repeated = DATASETS.build(dict(type='RepeatDataset', times=2, dataset=config(parts)))
    assert innermost_dataset(repeated) is repeated.dataset
    assert_equal_statistics(repeated.dataset.statistics, joined.statistics)


def test_a_repeat_within_several_counts_once(parts, joined):
    one, other = config(parts)['datasets']
    both = DATASETS.build(
        dict(
            type='ConcatDataset', datasets=[dict(type='RepeatDataset', times=3, dataset=one), other]
        )
    )
    assert_equal_statistics(both.statistics, joined.statistics)


def test_names_are_read_without_building_the_parts(parts):
    one, other = config(parts)['datasets']
    one = dict(type='RepeatDataset', times=3, dataset=one)
    assert ConcatDataset.read_names(datasets=[one, other], lazy_init=True) == dict(
        classes=parts[0].classes, predicates=parts[0].predicates
    )


@pytest.mark.parametrize(
    'names, message',
    [
        (
            dict(predicates=('a', 'predicate 2', 'b', 'predicate 4')),
            r"part 2 .* has 4 predicates, from number 1 on \('a', 'predicate 2', 'b'\), "
            r"but part 1 has 4, there \('predicate 1', ",
        ),
        (
            dict(classes=('class 0', 'class 1', 'class 2', 'class 4', 'class 3')),
            r"part 2 .* has 5 classes, from number 4 on \('class 4', 'class 3'\)",
        ),
    ],
)
def test_parts_with_other_names_are_refused(parts, names, message):
    both = config(parts)
    both['datasets'][1]['metainfo'] = names
    with pytest.raises(ValueError, match=message):
        DATASETS.build(both)


def test_parts_with_more_names_are_refused(tmp_path, parts):
    more = make_vg_data(tmp_path / 'more', num_classes=6, with_images=False)
    with pytest.raises(
        ValueError,
        match=r'has 6 classes, from number 6 on '
        r"\('class 5',\), but part 1 has 5, there \(\)",
    ):
        DATASETS.build(config([parts[0], more]))


def test_other_wrappers_of_several_say_what_to_use(parts):
    part = parts[0].dataset()
    both = PlainConcatDataset([part, part])
    with pytest.raises(TypeError, match='ConcatDataset has no .* mmsgp.Concat'):
        innermost_dataset(both)


class Model:
    """Keeps what it is given."""

    def load_statistics(self, dataset):
        self.statistics = dataset.statistics
        self.classes = dataset.metainfo['classes']


def test_a_model_takes_the_priors_of_all_parts(parts, joined):
    model = Model()
    DatasetPriorsHook().before_train(
        SimpleNamespace(
            model=model, train_dataloader=SimpleNamespace(dataset=DATASETS.build(config(parts)))
        )
    )
    assert_equal_statistics(model.statistics, joined.statistics)
    assert model.classes == parts[0].classes


def training_rows(data, image_ids):
    return np.concatenate([data.relations[i - 1] for i in image_ids])


@pytest.mark.parametrize('indices', [3, -2, [4, 0]])
@pytest.mark.parametrize('how', ['indices', 'get_subset', 'get_subset_'])
def test_statistics_of_a_part_are_those_of_its_images(parts, how, indices):
    data = parts[0]
    whole = data.dataset()
    if how == 'indices':
        part = data.dataset(indices=indices)
    else:
        part = data.dataset()
        part = getattr(part, how)(indices) or part
    rows = training_rows(data, part.data_list.image_ids)
    counts = np.bincount(rows[:, 2], minlength=5)[1:]
    assert part.statistics.predicate_counts.tolist() == counts.tolist()
    assert part.metainfo['predicate_train_counts'] == counts.tolist()
    boxes = sum(len(data.boxes[i - 1]) for i in part.data_list.image_ids)
    assert part.statistics.object_counts.sum() == boxes
    assert whole.statistics.object_counts.sum() > boxes


def test_a_part_of_the_test_images_changes_no_statistics(parts):
    whole = parts[0].dataset(split='test')
    part = parts[0].dataset(split='test', indices=1)
    assert_equal_statistics(whole.statistics, part.statistics)
    assert whole.metainfo == part.metainfo
    assert (
        part.get_data_info(0)['relations_unseen'].tolist()
        == whole.get_data_info(0)['relations_unseen'].tolist()
    )
