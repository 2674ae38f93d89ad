"""What holds for every head of the literature, whatever its formulas are."""

import copy
from dataclasses import replace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsgp.models import REACTHead
from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch
from mmsgp.testing.models import CONFIGS, HEADS, random_objects, random_samples, small_parser

OLD = ('MotifNetHead', 'LinkNetHead', 'KERNHead', 'FrequencyHead')
NEW = {name: settings for name, settings in HEADS.items() if name not in OLD}
# Of a head on VG150, without the fc layers of regions and the frequency table.
PARAMETERS = dict(transformer=28_769_453, imp=7_454_926, penet=110_437_444, gpsnet=41_500_748)
SIZES = (5, 0, 1, 3)
CLOSE = dict(rtol=1e-4, atol=1e-4)


def build(head):
    """A head in tests; which classes go together is random instead of zero."""
    built = small_parser(type=head, **NEW[head]).relation_head.eval()
    if head == 'VCTreeHead':
        torch.nn.init.uniform_(built.scorer_of_pairs.cooccurrence.weight)
    return built


def parameters_of(name):
    """Parameters on VG150, without the fc layers of regions and the frequency table."""
    init_default_scope('mmsgp')
    with torch.device('meta'):
        head = MODELS.build(copy.deepcopy(Config.fromfile(CONFIGS / f'{name}_ce_vg.py').model))
    parts = ('fc_head.', 'pair_features.', 'frequency_prior.')
    return sum(
        parameter.numel()
        for key, parameter in head.relation_head.named_parameters()
        if not key.startswith(parts)
    )


@pytest.mark.parametrize('name', PARAMETERS)
def test_a_head_has_the_parameters_of_its_definition(name):
    assert parameters_of(name) == PARAMETERS[name]


def linear(inputs, outputs):
    return inputs * outputs + outputs


# Box code of 9 numbers to 32, batch normalisation, then to 128.
POSITION = 9 * 32 + 32 + 2 * 32 + 32 * 128 + 128


def test_vctree_has_the_parameters_of_its_layers():
    """Sizes: visual 4096, words 200, boxes 128, hidden 512; half of it in each direction."""
    looks = linear(9, 128) + linear(6, 128) + 2 * 2 * 128 + linear(4096, 128) + linear(200, 128)
    scores = linear(4 * 128, 512) + 2 * linear(512, 512) + linear(3 * 512 + 1, 1) + 151**2

    def tree_cell(inputs, hidden, relatives):
        """Gates i, o, r, u and one f per relative, and the highway; states without bias."""
        gates = 4 + relatives
        return linear(inputs, (gates + 1) * hidden) + relatives * hidden * gates * hidden

    def tree(inputs):
        return tree_cell(inputs, 256, 2) + tree_cell(inputs, 256, 1)

    decoder = 152 * 200 + tree_cell(512 + 200, 512, 1) + linear(512, 151)
    pairs = linear(512, 1024) + linear(1024, 4096) + linear(4096, 51) + linear(1024, 51)
    trees = tree(4096 + 200 + 128) + tree(200 + 4096 + 512)
    total = 2 * 151 * 200 + POSITION + looks + scores + trees + decoder + pairs
    assert total == 42_982_976
    assert parameters_of('vctree') == total


def test_squat_has_the_parameters_of_its_layers():
    """Sizes: visual 4096, words 200, boxes 128, hidden 512, attention 512 instead of 2048."""
    labels = linear(4096, 512) + linear(512, 512) + linear(512, 151)
    word_and_looks = 200 + 4096 + 512
    objects = linear(4096 + 200 + 128, 512) + linear(word_and_looks, 512)
    pairs = linear(word_and_looks, 1024) + linear(32, 512) + linear(512, 1024)
    pairs += linear(1024, 512) + linear(4096, 512)
    selector = 2 * 512 + linear(512, 512) + linear(512, 256) + linear(256, 128) + linear(128, 1)
    attention = 4 * linear(512, 512)
    rest = 4 * 2 * 512 + linear(512, 1024) + linear(1024, 512)
    # No later layer uses the objects of the last one: it lacks two attentions.
    layers = 2 * (6 * attention + rest) + (4 * attention + rest)
    total = 2 * 151 * 200 + POSITION + labels + objects + pairs
    total += 3 * selector + layers + linear(512, 51)
    assert total == 36_602_557
    assert parameters_of('squat') == total


def test_react_has_the_parameters_of_its_definition():
    """Over three levels, without the word vectors, which are not trained."""
    with torch.device('meta'):
        head = REACTHead(
            num_classes=150, num_predicates=50, in_channels=(256, 512, 512), strides=(8, 16, 32)
        )
    counted = {key: parameter.numel() for key, parameter in head.named_parameters()}
    words = [counted.pop(key) for key in list(counted) if key.endswith('_embedding.weight')]
    assert sum(words) == 40_400
    assert sum(counted.values()) == 9_964_433


@pytest.mark.parametrize('name', NEW)
def test_a_batch_equals_its_images_one_by_one(name):
    """With different numbers of objects, and with none in one image."""
    head = build(name)
    torch.manual_seed(1)
    objects, maps = random_objects(SIZES), torch.randn(4, 64, 12, 12)
    contexts, logits = [], []
    with torch.no_grad():
        together = head(head.extract_regions((maps,), objects), objects)
        for bboxes, rows, own in zip(
            objects.bboxes.split(SIZES), objects.logits.split(SIZES), maps.split(1)
        ):
            alone = ObjectBatch.from_list([bboxes], rows, image_sizes=objects.image_sizes[:1])
            output = head(head.extract_regions((own,), alone), alone)
            contexts.append(output.context.logits)
            logits.append(output.relation_logits)
    torch.testing.assert_close(together.context.logits, torch.cat(contexts), **CLOSE)
    torch.testing.assert_close(together.relation_logits, torch.cat(logits), **CLOSE)


@pytest.mark.parametrize('name', NEW)
def test_the_order_of_objects_does_not_matter(name):
    head = build(name)
    torch.manual_seed(1)
    objects, maps = random_objects([6]), torch.randn(1, 64, 12, 12)
    order = torch.randperm(6)
    moved = replace(objects, bboxes=objects.bboxes[order], logits=objects.logits[order])
    tables = []
    with torch.no_grad():
        for own in (objects, moved):
            regions = head.extract_regions((maps,), own)
            output = head(regions, own)
            table = output.relation_logits.new_zeros(6, 6, 5)
            table[tuple(regions.pairs.T)] = output.relation_logits
            tables.append((output.context.logits, table))
    (logits, table), (moved_logits, moved_table) = tables
    torch.testing.assert_close(moved_logits, logits[order], **CLOSE)
    torch.testing.assert_close(moved_table, table[order][:, order], **CLOSE)
    assert table.std() > 1e-3  # there is something to compare


@pytest.mark.parametrize('name', NEW)
def test_a_head_learns_images_by_heart(name):
    """Random noise with random relations: nothing but memory helps."""
    torch.manual_seed(0)
    model = small_parser(type=name, **NEW[name]).train()
    images, samples = torch.randn(8, 3, 96, 96), random_samples([4, 2, 3, 2, 4, 2, 1, 3])
    maps = model.extract_feat(images)
    model.extract_feat = lambda images: maps  # the detector is frozen
    optimizer = torch.optim.Adam(model.relation_head.parameters(), lr=2e-3)
    for step in range(150):
        torch.manual_seed(step % 4)  # dropout of only a few masks
        losses = model.loss(images, samples)
        optimizer.zero_grad()
        sum(value for key, value in losses.items() if 'loss' in key).backward()
        optimizer.step()
        if losses['acc_relation'] == 100 and losses['loss_relation'] < 0.05:
            break
    assert losses['acc_relation'] == 100
    assert losses['loss_relation'] < 0.05


@pytest.mark.parametrize('name', NEW)
def test_every_parameter_learns(name):
    torch.manual_seed(0)
    model = small_parser(type=name, **NEW[name]).train()
    losses = model.loss(torch.randn(3, 3, 96, 96), random_samples([4, 0, 2]))
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    for key, parameter in model.relation_head.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), key
