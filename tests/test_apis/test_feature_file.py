"""Features of objects and relations that a head computes anyway."""

import h5py
import pytest
import torch

from mmsgp.apis.feature_file import FeatureFile, FeatureRecorder
from mmsgp.testing.models import HEADS, random_samples, small_parser


def predict(head, task):
    model = small_parser(type=head, **HEADS[head]).eval()
    samples = random_samples([4, 0, 6])
    model.test_tasks = (task,)
    recorder = FeatureRecorder(model.relation_head)
    with recorder.recording(), torch.no_grad():
        samples = model.predict(torch.randn(3, 3, 96, 96), samples)
    graphs = [sample.pred_scene_graphs[task] for sample in samples]
    recorder.attach(graphs)
    return model, graphs


@pytest.mark.parametrize('head', ['MotifNetHead', 'LinkNetHead', 'KERNHead'])
def test_the_classifier_turns_the_features_into_the_distribution(head):
    """Each relation has its own row, although relations are sorted and images batched."""
    model, graphs = predict(head, 'predcls')
    head = model.relation_head
    assert [graph.num_objects for graph in graphs] == [4, 0, 6]
    for graph in graphs:
        relations = graph.relations
        logits = head.predicate_logits(
            relations.features, graph.objects.labels[relations.pairs].reshape(-1, 2)
        )
        torch.testing.assert_close(logits.softmax(dim=1), relations.distribution)
        assert len(graph.objects.features) == graph.num_objects


def test_a_head_without_features_is_named():
    with pytest.raises(ValueError, match='FrequencyHead has no features'):
        predict('FrequencyHead', 'predcls')


def test_a_file_that_is_no_hdf5_file_is_named(tmp_path):
    (tmp_path / 'features.h5').write_text('text')
    with pytest.raises(ValueError, match='features.h5 exists and is no complete HDF5 file'):
        FeatureFile(tmp_path / 'features.h5', dict(classes=['a'], predicates=['b']))


def test_an_image_in_a_sub_folder_is_a_group_in_a_group(tmp_path):
    _, (graph, *_) = predict('MotifNetHead', 'sgcls')
    file = FeatureFile(tmp_path / 'new' / 'features.h5', dict(classes=['ä'], predicates=['b']))
    about = dict(image=None, width=5, height=6, task='sgcls')
    file.save('sub/a', graph, about)
    file.save('sub', graph.top(2), about)
    assert file.holds('sub/a') and file.holds('sub') and not file.holds('a')
    file.save('sub/a', graph.top(1), about)
    with h5py.File(file.path) as content:
        assert content.attrs['classes'].tolist() == ['ä']
        assert content['sub/relation_pairs'].shape == (2, 2)
        assert content['sub/a/relation_features'].shape == (1, 256)
