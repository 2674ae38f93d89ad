"""Context encoders under one head."""

import copy
from dataclasses import replace

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn

from mmsgp.models.context_encoders import ContextEncoder
from mmsgp.models.context_encoders.transformer import attend
from mmsgp.models.relation_heads import ObjectEncoding
from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch
from mmsgp.testing.models import (
    random_objects,
    random_samples,
    small_model_cfg,
    small_parser,
)

ENCODERS = {
    'MotifContext': {},
    'LinkNetContext': {},
    'TransformerContext': dict(num_heads=4, feedforward_channels=32),
}


def parser_with(encoder, **settings):
    cfg = small_model_cfg(type='RoleProductHead', context=dict(type=encoder, **settings))
    del cfg.relation_head['hidden_size']  # which is the encoder's
    torch.manual_seed(0)
    return MODELS.build(cfg)


@pytest.mark.parametrize('encoder', ENCODERS)
def test_a_batch_equals_its_images_one_by_one(encoder):
    """With different numbers of objects, and with none in one image."""
    parser = parser_with(encoder, hidden_size=32, **ENCODERS[encoder])
    head = parser.relation_head.eval()
    torch.manual_seed(1)
    objects, maps = random_objects((5, 0, 1, 3)), torch.randn(4, 64, 12, 12)
    contexts, logits = [], []
    with torch.no_grad():
        together = head(head.extract_regions((maps,), objects), objects)
        for bboxes, rows, own in zip(
            objects.bboxes.split(objects.sizes), objects.logits.split(objects.sizes), maps.split(1)
        ):
            alone = ObjectBatch.from_list([bboxes], rows)
            output = head(head.extract_regions((own,), alone), alone)
            contexts.append(output.context.logits)
            logits.append(output.relation_logits)
    close = dict(rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together.context.logits, torch.cat(contexts), **close)
    torch.testing.assert_close(together.relation_logits, torch.cat(logits), **close)


@pytest.mark.parametrize('encoder', ENCODERS)
def test_an_encoder_learns_and_finds_graphs(encoder):
    model = parser_with(encoder, hidden_size=32, **ENCODERS[encoder]).train()
    images, samples = torch.randn(3, 3, 96, 96), random_samples([4, 0, 2])
    losses = model.loss(images, samples)
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    for name, parameter in model.relation_head.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    for sample, size in zip(model.eval().predict(images, samples), (4, 0, 2)):
        graph = sample.pred_scene_graphs['sgcls']
        assert graph.num_relations == size * max(0, size - 1)


def test_the_transformer_equals_that_of_pytorch():
    """Row by row: PyTorch's encoder runs over each image without padding."""
    parser = parser_with('TransformerContext', hidden_size=32, num_heads=4, feedforward_channels=48)
    encoder = parser.relation_head.object_encoder.double().eval()
    layers = [
        nn.TransformerEncoderLayer(32, 4, 48, batch_first=True).double().eval()
        for _ in encoder.layers
    ]
    for own, theirs in zip(encoder.layers, layers):
        theirs.self_attn.load_state_dict(own.self_attn.attn.state_dict())
        theirs.linear1.load_state_dict(own.ffn.layers[0][0].state_dict())
        theirs.linear2.load_state_dict(own.ffn.layers[1].state_dict())
        theirs.norm1.load_state_dict(own.norms[0].state_dict())
        theirs.norm2.load_state_dict(own.norms[1].state_dict())
    sizes = (5, 0, 1, 3)
    inputs = torch.randn(9, 32, dtype=torch.float64)
    expected = []
    for rows in inputs.split(sizes):
        for layer in layers:
            rows = layer(rows[None])[0] if len(rows) else rows
        expected.append(rows)
    torch.testing.assert_close(
        attend(encoder, inputs, random_objects(sizes)), torch.cat(expected), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(
    'head, encoder', [('MotifNetHead', 'MotifContext'), ('LinkNetHead', 'LinkNetContext')]
)
def test_weights_of_a_named_head_fit_its_encoder(head, encoder):
    """Layers have the same names; LinkNet's head has some more."""
    named = small_parser(type=head, hidden_size=32).relation_head.state_dict()
    own = parser_with(encoder, hidden_size=32).relation_head.state_dict()
    assert own.keys() <= named.keys()
    extra = {key.split('.')[0] for key in named.keys() - own.keys()}
    assert extra == ({'image_classifier', 'layout'} if head == 'LinkNetHead' else set())


class BareParameter(ContextEncoder):
    """An encoder with a parameter that is no layer's."""

    def __init__(self, object_channels, **sizes):
        super().__init__()
        self.roles = nn.Parameter(torch.zeros(2 * object_channels))

    def encode_objects(self, classes, regions, objects):
        return ObjectEncoding(objects.logits)

    def encode_edges(self, classes, context, objects):
        return self.roles.expand(len(classes), -1)


def test_a_parameter_that_would_never_be_trained_is_refused():
    MODELS.register_module(module=BareParameter)
    try:
        with pytest.raises(ValueError, match="BareParameter.*'roles'.*layer"):
            parser_with('BareParameter')
    finally:
        MODELS.module_dict.pop('BareParameter')


class NamedLayers(BareParameter):
    """An encoder whose only layer has a given name."""

    def __init__(self, name, object_channels, **sizes):
        nn.Module.__init__(self)
        self.add_module(name, nn.Linear(1, 2 * object_channels))
        self.initialised = 0

    def init_weights(self):
        self.initialised += 1


class InitialisedLayers(BaseModule, NamedLayers):
    """An encoder that MMEngine initialises, with a function of its own."""

    def __init__(self, **kwargs):
        NamedLayers.__init__(self, **kwargs)
        self._is_init, self.init_cfg = False, dict(type='Constant', layer='Linear', val=7.0)

    def init_weights(self):
        BaseModule.init_weights(self)
        NamedLayers.init_weights(self)


@pytest.fixture
def named_layers():
    for encoder in (NamedLayers, InitialisedLayers):
        MODELS.register_module(module=encoder)
    yield
    for encoder in (NamedLayers, InitialisedLayers):
        MODELS.module_dict.pop(encoder.__name__)


@pytest.mark.parametrize('name', ['fc_head', 'scorer', 'fc_predicate', 'context'])
def test_a_layer_with_a_name_of_the_heads_is_refused(named_layers, name):
    with pytest.raises(ValueError, match=f"NamedLayers.*'{name}'.*rename"):
        parser_with('NamedLayers', name=name)


def test_a_head_cannot_replace_a_layer_that_its_encoder_uses(named_layers):
    head = parser_with('NamedLayers', name='layout').relation_head
    with pytest.raises(ValueError, match="NamedLayers.*'layout'.*rename"):
        head.layout = nn.Linear(1, 1)


@pytest.mark.parametrize('encoder', ENCODERS)
def test_an_encoder_is_in_the_mode_of_its_head(encoder):
    model = parser_with(encoder, hidden_size=32, **ENCODERS[encoder])
    context = model.relation_head.context
    for mode in (True, False, True):
        model.train(mode)
        assert context.training is mode


@pytest.mark.parametrize('encoder', ['NamedLayers', 'InitialisedLayers'])
@pytest.mark.parametrize('part', ['parser', 'head'])
def test_an_encoder_initialises_itself_once(named_layers, encoder, part):
    model = parser_with(encoder, name='roles')
    (model if part == 'parser' else model.relation_head).init_weights()
    head = model.relation_head
    assert head.context.initialised == 1
    assert bool((head.roles.weight == 7).all()) == (encoder == 'InitialisedLayers')
    assert not any('context' in key for key in head.state_dict())
    assert not any(
        hasattr(module, '_params_init_info') for module in (*head.modules(), head.context)
    )


@pytest.mark.parametrize(
    'head, order',
    [
        (dict(type='MotifNetHead', order='up'), 'relation_head.order'),
        (
            dict(type='RoleProductHead', context=dict(type='MotifContext', order='up')),
            'relation_head.context.order',
        ),
    ],
)
def test_an_unknown_order_is_refused_by_the_key_that_sets_it(head, order):
    cfg = small_model_cfg(**head)
    if 'context' in head:
        del cfg.relation_head['hidden_size']
    with pytest.raises(ValueError, match=f"got 'up'.*{order}"):
        MODELS.build(cfg)


@pytest.mark.parametrize('encoder', ENCODERS)
def test_given_labels_keep_the_detectors_logits(encoder):
    """The base class decides, whatever the encoder finds."""
    parser = parser_with(encoder, hidden_size=32, **ENCODERS[encoder])
    head = parser.relation_head.eval()
    labels = torch.tensor([3, 0, 1, 4])
    objects = replace(random_objects([4]), labels=labels)
    regions = head.extract_regions((torch.randn(1, 64, 12, 12),), objects)
    context = head(regions, objects).context
    assert torch.equal(context.labels, labels)
    assert torch.equal(context.logits, objects.logits)


def test_a_copy_of_a_head_has_an_encoder_of_its_own():
    """As the average of weights over a training needs it."""
    head = parser_with('MotifContext').relation_head
    copied = copy.deepcopy(head)
    assert copied.context.object_lstm is copied.object_lstm
    assert copied.context.object_lstm is not head.object_lstm
    copied.double()
    assert copied.context.fc_roles.weight.dtype == torch.float64
    assert head.context.fc_roles.weight.dtype == torch.float32
