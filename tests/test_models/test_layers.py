"""Layouts, priors and embeddings."""

import pytest
import torch
from mmengine.config import Config

from mmsgp.models.layers import (
    BatchNorm1d,
    BatchNorm2d,
    BoxPositionEncoding,
    ClassEmbedding,
    FrequencyPrior,
    PairFeatures,
    draw_pair_masks,
)
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS, random_bboxes


def naive_mask(box, union, size):
    """Covered share of each cell, cell by cell."""
    scale_x = size / (union[2] - union[0])
    scale_y = size / (union[3] - union[1])
    x1, x2 = ((box[k] - union[0]) * scale_x for k in (0, 2))
    y1, y2 = ((box[k] - union[1]) * scale_y for k in (1, 3))

    def share(cell, low, high):
        return max(0.0, min(1.0, cell + 1 - low)) * max(0.0, min(1.0, high - cell))

    return [
        [share(row, y1, y2) * share(column, x1, x2) for column in range(size)]
        for row in range(size)
    ]


def test_pair_masks_equal_the_covered_shares():
    torch.manual_seed(0)
    subjects, objects = random_bboxes(12).double().chunk(2)
    masks = draw_pair_masks(subjects, objects, size=27)
    for i in range(6):
        s, o = subjects[i].tolist(), objects[i].tolist()
        union = [min(s[0], o[0]), min(s[1], o[1]), max(s[2], o[2]), max(s[3], o[3])]
        expected = torch.tensor(
            [naive_mask(s, union, 27), naive_mask(o, union, 27)], dtype=torch.double
        )
        torch.testing.assert_close(masks[i], expected, rtol=1e-9, atol=1e-12)


def test_pair_masks_of_equal_and_of_empty_boxes_are_finite():
    boxes = torch.tensor([[5.0, 5.0, 20.0, 9.0], [7.0, 7.0, 7.0, 7.0]])
    masks = draw_pair_masks(boxes, boxes)
    assert (masks[0] == 1).all()
    assert torch.isfinite(masks[1]).all()


class MeanExtractor(torch.nn.Module):
    """Stands in for RoIAlign: records its rois, returns their coordinates."""

    num_inputs = 1
    out_channels = 4

    def forward(self, feats, rois):
        self.rois = rois
        return rois[:, 1:, None, None].expand(-1, -1, 7, 7).clone()


def test_union_boxes_are_pooled_once_for_both_directions():
    torch.manual_seed(0)
    features = PairFeatures.__new__(PairFeatures)
    torch.nn.Module.__init__(features)
    features.roi_extractor = MeanExtractor()
    bboxes = random_bboxes(5)
    image_ids = torch.tensor([0, 0, 0, 1, 1])
    pairs = torch.tensor([[0, 1], [1, 0], [2, 1], [4, 3], [3, 4], [0, 2]])
    pooled = features._pool_unions((), bboxes, image_ids, pairs)
    assert len(features.roi_extractor.rois) == 4
    for (i, j), value in zip(pairs.tolist(), pooled[:, :, 0, 0]):
        expected = torch.cat(
            [
                torch.minimum(bboxes[i, :2], bboxes[j, :2]),
                torch.maximum(bboxes[i, 2:], bboxes[j, 2:]),
            ]
        )
        assert torch.equal(value, expected)


def test_frequency_prior_looks_up_pairs_of_classes():
    prior = FrequencyPrior(num_classes=3, num_predicates=2).double()
    table = torch.randn(4, 4, 3).double()
    prior.fill(table)
    subjects, objects = torch.tensor([0, 2, 3, 0]), torch.tensor([1, 2, 0, 1])
    logits = prior(subjects, objects)
    for row, s, o in zip(logits, subjects, objects):
        assert torch.equal(row, table[s, o])
    (logits * torch.arange(1, 5)[:, None]).sum().backward()
    expected = torch.zeros(4, 4, 3).double()
    for weight, s, o in zip(range(1, 5), subjects, objects):
        expected[s, o] += weight
    assert torch.equal(prior.table.grad, expected)


def test_frequency_prior_of_another_data_set_is_refused():
    with pytest.raises(ValueError, match=r'\(5, 5, 3\).*\(4, 4, 3\).*num_classes'):
        FrequencyPrior(3, 2).fill(torch.zeros(5, 5, 3))


@pytest.mark.parametrize('layer, shape', [(BatchNorm1d(4), (4,)), (BatchNorm2d(4), (4, 3, 3))])
@pytest.mark.parametrize('size', [0, 1])
def test_batch_norm_without_statistics_uses_the_running_ones(layer, shape, size):
    inputs = torch.randn(size, *shape)
    outputs = layer.train()(inputs)
    torch.testing.assert_close(outputs, layer.eval()(inputs))


def test_box_position_is_encoded_from_centre_and_size():
    encoding = BoxPositionEncoding(dim=6, dropout=0.0).double().eval()
    norm, fc = encoding.layers[0], encoding.layers[1]
    norm.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    norm.running_var.copy_(torch.tensor([4.0, 1.0, 9.0, 16.0]))
    box = torch.tensor([[2.0, 4.0, 10.0, 8.0]]).double()
    values = torch.tensor([6.0, 6.0, 8.0, 4.0]).double()  # cx, cy, w, h
    expected = fc((values - norm.running_mean) / (norm.running_var + norm.eps).sqrt()).clamp(min=0)
    torch.testing.assert_close(encoding(box)[0], expected)


def test_class_embedding_takes_word_vectors(tmp_path):
    path = tmp_path / 'glove.txt'
    path.write_text('dog 1 2\nlight 3 4\nof 9 9\n')
    embedding = ClassEmbedding(4, 2, word_vectors=str(path))
    random_rows = embedding.weight.detach().clone()
    embedding.load_words(['dog', 'a light', 'yak'])
    assert embedding.weight[:2].tolist() == [[1, 2], [3, 4]]
    assert torch.equal(embedding.weight[2:], random_rows[2:])


def test_word_vectors_of_another_size_are_refused(tmp_path):
    path = tmp_path / 'glove.txt'
    path.write_text('cat 1 2 3\n\ndog 1 2 3\n')
    with pytest.raises(ValueError, match=r'glove.txt, line 3.*3 values'):
        ClassEmbedding(1, 2, word_vectors=str(path)).load_words(['dog'])
    with pytest.raises(FileNotFoundError, match='word_vectors.*none.txt'):
        ClassEmbedding(1, 2, word_vectors='none.txt').load_words(['dog'])


def test_batch_norms_take_the_momentum_of_the_reference():
    """Masks 0.01, positions 0.001 (Neural Motifs), by configuration."""
    encoding = BoxPositionEncoding(dim=6, momentum=0.001)
    boxes = torch.rand(9, 4)
    encoding.train()(boxes)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    torch.testing.assert_close(encoding.layers[0].running_mean[:2], 0.001 * centers.mean(dim=0))
    head = Config.fromfile(CONFIGS / 'motifnet_ce_vg.py').model.relation_head
    assert (head.norm_momentum, head.pair_features.norm_momentum) == (0.001, 0.01)
    with torch.device('meta'):
        features = MODELS.build(head.pair_features)
    assert [m.momentum for m in features.modules() if isinstance(m, torch.nn.BatchNorm2d)] == [
        0.01,
        0.01,
    ]
