"""Products of roles, chunk by chunk and pair by pair."""
import pytest
import torch

from mmsgp.models import RegionFeatures
from mmsgp.models.relation_heads.role_product_head import multiply_roles


@pytest.mark.parametrize('num_pairs', [0, 3, 8])
def test_product_with_and_without_gradients_equals_a_loop(num_pairs):
    torch.manual_seed(0)
    roles = torch.randn(4, 6, dtype=torch.float64)
    pairs = torch.randint(4, (num_pairs, 2))
    unions = torch.randn(num_pairs, 3, dtype=torch.float64)
    regions = RegionFeatures(pairs, torch.empty(0), unions=unions)
    expected = torch.empty(num_pairs, 3, dtype=torch.float64)
    for row, (subject, target) in enumerate(pairs.tolist()):
        for d in range(3):
            expected[row, d] = (
                roles[subject, d] * roles[target, 3 + d] * unions[row, d])
    torch.testing.assert_close(multiply_roles(roles, regions), expected)
    given = unions.clone()
    with torch.no_grad():
        torch.testing.assert_close(
            multiply_roles(roles, regions, pairs_per_chunk=3), expected)
    assert torch.equal(unions, given)  # which other tasks read, too
    more = torch.randn(num_pairs, 2, dtype=torch.float64)
    expected = torch.cat([expected, more], dim=1)
    torch.testing.assert_close(multiply_roles(roles, regions, more), expected)
    with torch.no_grad():
        torch.testing.assert_close(
            multiply_roles(roles, regions, more, pairs_per_chunk=3), expected)
