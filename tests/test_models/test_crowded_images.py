"""An image with many boxes: memory for some pairs at a time, and the same results."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmsgp.registry import MODELS
from mmsgp.testing.models import HEADS, random_objects, random_samples, small_parser

# The others relate pairs with each other, or have no features of them.
HEADS_OF_PAIRS = [name for name in HEADS if MODELS.get(name).pairs_per_chunk]


class Largest(TorchDispatchMode):
    """Keeps the number of elements of the largest new tensor."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        for result in results if isinstance(results, (tuple, list)) else [results]:
            if isinstance(result, torch.Tensor):
                self.elements = max(self.elements, result.untyped_storage().nbytes() // 4)
        return results


def parser_of(head):
    model = small_parser(type=head, scorer=dict(type='Scorer'), **HEADS[head]).eval()
    for buffer in model.relation_head.buffers():
        if buffer.ndim > 1:  # co-occurrences
            buffer.uniform_()
    return model


@pytest.mark.parametrize('head', HEADS_OF_PAIRS)
def test_no_tensor_is_larger_than_the_scorers_hidden_vectors(head, monkeypatch):
    model = parser_of(head)
    model.test_tasks = ('predcls', 'sgcls')
    monkeypatch.setattr(model.relation_head, 'pairs_per_chunk', 100)
    with Largest() as largest:
        (sample,) = model.predict(torch.randn(1, 3, 96, 96), random_samples([40]))
    pairs = sample.pred_scene_graphs['sgcls'].num_relations
    assert pairs == 40 * 39
    # An embedding of 512 and 64 features of the image. Masks alone have 1,458 cells a
    # pair, the maps made of them more; attention has as many numbers as pairs.
    assert largest.elements <= pairs * (512 + 64) < pairs * 1458


@pytest.mark.parametrize('head', HEADS_OF_PAIRS)
def test_parts_of_pairs_give_the_numbers_of_all_pairs_at_once(head, monkeypatch):
    head = parser_of(head).relation_head
    torch.manual_seed(0)
    objects, maps = random_objects((12, 3)), (torch.randn(2, 64, 12, 12),)
    outputs = []
    with torch.no_grad():
        for size in (512, 16):
            monkeypatch.setattr(head, 'pairs_per_chunk', size)
            outputs.append(head(head.extract_regions(maps, objects), objects))
    for name in ('relation_logits', 'significance'):
        whole, parts = (getattr(output, name) for output in outputs)
        torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5)
