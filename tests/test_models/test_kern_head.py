"""KERN's head."""

import torch

from mmsgp.models.relation_heads import RegionFeatures
from mmsgp.models.task_modules import all_pairs
from mmsgp.testing.models import random_objects, small_parser


def test_predicates_start_level():
    """No large random logits that CCE would shrink with the features."""
    head = small_parser(type='KERNHead', hidden_size=16).relation_head.eval()
    head.predicate_cooccurrence.uniform_()
    objects = random_objects([6], labels=torch.randint(5, (6,)))
    pairs = all_pairs(objects.image_ids)
    regions = RegionFeatures(
        pairs, torch.rand(1, 64), torch.rand(6, 256), torch.randn(len(pairs), 256)
    )
    context = head(regions, objects).context
    features = head.relation_features(context, regions, objects)
    assert features.std() > 0.1
    logits = head(regions, objects).relation_logits
    torch.testing.assert_close(logits, head.fc_predicate.bias.expand_as(logits), rtol=0, atol=0.05)
