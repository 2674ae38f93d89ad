"""Products of roles, pair by pair."""

import pytest
import torch

from mmsgp.models import RegionFeatures
from mmsgp.models.relation_heads.role_product_head import multiply_roles


@pytest.mark.parametrize('num_pairs', [0, 8])
def test_product_equals_a_loop(num_pairs):
    torch.manual_seed(0)
    roles = torch.randn(4, 6, dtype=torch.float64)
    pairs = torch.randint(4, (num_pairs, 2))
    unions = torch.randn(num_pairs, 3, dtype=torch.float64)
    regions = RegionFeatures(pairs, torch.empty(0), unions=unions)
    expected = torch.empty(num_pairs, 3, dtype=torch.float64)
    for row, (subject, object_) in enumerate(pairs.tolist()):
        for d in range(3):
            expected[row, d] = roles[subject, d] * roles[object_, 3 + d] * unions[row, d]
    given = unions.clone()
    torch.testing.assert_close(multiply_roles(roles, regions), expected)
    assert torch.equal(unions, given)  # which other tasks read, too
