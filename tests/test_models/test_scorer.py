"""The Scorer against its equations, and image by image."""

import pytest
import torch

from mmsgp.models.scorers import Scorer

SIZES = dict(
    relation_channels=6, num_predicates=3, image_channels=4, hidden_channels=5, attention_channels=3
)


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    image_ids = torch.tensor([0, 2, 0, 2, 2, 0, 3])  # image 1 has no relation
    return (
        torch.randn(7, 6).double(),
        torch.rand(7, 4).double(),
        torch.randn(4, 4).double(),
        image_ids,
    )


def score(scorer, features, distributions, image_features, image_ids):
    return scorer(scorer.embed(features, distributions), image_features, image_ids)


def naive_scores(scorer, features, distributions, image_features, image_ids):
    """Each relation attends to those of its image, one pair at a time."""

    def fc(layer, x):
        return (layer.weight @ x + layer.bias).clamp(min=0)

    hidden = [
        torch.cat([fc(scorer.fc_feature, f) + fc(scorer.fc_distribution, d), image_features[i]])
        for f, d, i in zip(features, distributions, image_ids)
    ]
    scores = []
    for h, image in zip(hidden, image_ids):
        others = [o for o, i in zip(hidden, image_ids) if i == image]
        query = fc(scorer.context.query, h)
        weights = torch.stack([torch.exp(query @ fc(scorer.context.key, o)) for o in others])
        values = torch.stack([fc(scorer.context.value, o) for o in others])
        attended = (weights[:, None] * values).sum(0) / weights.sum()
        scores.append(scorer.fc_score.weight[0] @ attended + scorer.fc_score.bias[0])
    return torch.stack(scores)


def test_scores_and_gradients_equal_the_equations(inputs):
    scorer = Scorer(**SIZES).double()
    weights = torch.randn(7).double()
    scores = score(scorer, *inputs)
    torch.testing.assert_close(scores, naive_scores(scorer, *inputs), rtol=1e-9, atol=1e-12)
    gradients = torch.autograd.grad((scores * weights).sum(), list(scorer.parameters()))
    expected = torch.autograd.grad(
        (naive_scores(scorer, *inputs) * weights).sum(), list(scorer.parameters())
    )
    for gradient, naive in zip(gradients, expected):
        torch.testing.assert_close(gradient, naive, rtol=1e-6, atol=1e-12)


def test_images_are_never_mixed(inputs):
    scorer = Scorer(**SIZES).double()
    features, distributions, image_features, image_ids = inputs
    together = score(scorer, *inputs)
    for image in range(4):
        own = image_ids == image
        alone = score(
            scorer,
            features[own],
            distributions[own],
            image_features[image, None],
            torch.zeros(int(own.sum()), dtype=torch.long),
        )
        torch.testing.assert_close(together[own], alone, rtol=1e-9, atol=1e-12)


def test_without_self_attention_each_relation_stands_alone(inputs):
    scorer = Scorer(**SIZES, attention=dict(type='RelationFC')).double()
    features, distributions, image_features, image_ids = inputs
    before = score(scorer, *inputs)
    features[0] += 1
    after = score(scorer, *inputs)
    assert before[0] != after[0]
    assert torch.equal(before[1:], after[1:])


def test_no_relation_at_all():
    scorer = Scorer(**SIZES)
    scores = score(
        scorer,
        torch.zeros(0, 6),
        torch.zeros(0, 4),
        torch.zeros(2, 4),
        torch.zeros(0, dtype=torch.long),
    )
    assert scores.shape == (0,)
    scorer.loss(scores, torch.zeros(0, dtype=torch.bool)).backward()
