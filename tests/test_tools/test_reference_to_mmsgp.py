"""Checkpoints of the reference implementations, small ones made here.

Naive code runs on the tensors as the references store them; the background is
class 0 there.
"""
import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from mmsgp.structures import ObjectBatch
from mmsgp.testing.models import small_parser

C, R, H = 5, 4, 16
HEADS = dict(motifnet='MotifNetHead', linknet='LinkNetHead', kern='KERNHead')


@pytest.fixture(scope='module')
def tool():
    path = Path(__file__).parents[2] / 'tools/model_converters'
    spec = importlib.util.spec_from_file_location(
        'reference_to_mmsgp', path / 'reference_to_mmsgp.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def head_of(kind):
    return small_parser(
        type=HEADS[kind], num_classes=C, num_predicates=R,
        hidden_size=H).relation_head.double().eval()


def reference_state(tool, kind, head):
    """Random tensors under a reference's names and in its shapes."""
    torch.manual_seed(0)
    own = head.state_dict()
    state = {}
    for source, (target, change) in tool.RULES[kind].items():
        shape = own[target].shape
        if change is tool.prior_table:
            shape = (shape[0] * shape[1], shape[2])
        state[source] = torch.randn(shape, dtype=torch.float64) / 3
        if source.endswith('running_var'):
            state[source].abs_()
    if kind == 'motifnet':
        for source, target in tool.LSTMS.items():
            names = [key for key in own if key.startswith(f'{target}.')]
            for part in ('weight', 'bias'):
                size = sum(own[n].numel() for n in names if n.endswith(part))
                state[f'{source}.{part}'] = torch.randn(
                    size, dtype=torch.float64) / 3
    if kind == 'kern':
        for source in tool.GRAPHS:
            for i in (3, 4, 5):
                for name, width in (('w', 2 * H), ('u', H)):
                    key = f'{source}.fc_eq{i}_{name}'
                    if f'{key}.weight' not in state:
                        state[f'{key}.weight'] = torch.randn(
                            H, width, dtype=torch.float64) / 3
                        state[f'{key}.bias'] = torch.randn(
                            H, dtype=torch.float64) / 3
    return state


def converted_head(tool, kind, **options):
    """A head with the converted weights, and the reference's tensors."""
    head = head_of(kind)
    state = reference_state(tool, kind, head)
    weights, left = tool.convert(
        {**state, 'detector.rpn.weight': torch.ones(1)}, kind, **options)
    assert left == ['detector.rpn.weight']
    missing, unexpected = head.load_state_dict(
        {key.removeprefix('relation_head.'): value
         for key, value in weights.items()}, strict=False)
    assert not unexpected
    # a file of its own for the reference
    assert missing == ['predicate_cooccurrence'] * (kind == 'kern')
    return head, state


@pytest.mark.parametrize('kind', HEADS)
def test_every_weight_of_a_head_is_mapped(tool, kind):
    converted_head(tool, kind)


def naive_highway_lstm(weight, bias, rows, hidden):
    """The packed layers, gate by gate; they alternate directions."""
    place, layer = 0, 0
    while place < len(weight):
        size = len(rows[0])
        w = weight[place:place + size * 6 * hidden].view(size, 6 * hidden)
        place += w.numel()
        u = weight[place:place + hidden * 5 * hidden].view(hidden, 5 * hidden)
        place += u.numel()
        b = bias[layer * 5 * hidden:(layer + 1) * 5 * hidden]
        order = range(len(rows)) if layer % 2 == 0 else reversed(
            range(len(rows)))
        h = m = torch.zeros(hidden, dtype=weight.dtype)
        outputs = [None] * len(rows)
        for t in order:
            x, s = rows[t] @ w, h @ u + b
            part = [slice(i * hidden, (i + 1) * hidden) for i in range(6)]
            i, f, o, r = (torch.sigmoid(x[part[k]] + s[part[k]])
                          for k in (0, 1, 3, 4))
            m = i * torch.tanh(x[part[2]] + s[part[2]]) + f * m
            h = r * o * torch.tanh(m) + (1 - r) * x[part[5]]
            outputs[t] = h
        rows, layer = outputs, layer + 1
    return torch.stack(rows)


@pytest.mark.parametrize('name', ['object_lstm', 'edge_lstm'])
def test_packed_lstms_compute_the_same(tool, name):
    head, state = converted_head(tool, 'motifnet')
    source = next(s for s, target in tool.LSTMS.items() if target == name)
    lstm = getattr(head, name)
    inputs = torch.randn(
        1, 4, lstm.layers[0].input_projection.in_features, dtype=torch.float64)
    expected = naive_highway_lstm(
        state[f'{source}.weight'], state[f'{source}.bias'], list(inputs[0]), H)
    got = lstm(inputs, torch.ones(1, 4, dtype=torch.bool))[0]
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


def test_packed_weights_that_do_not_fit_are_refused(tool):
    with pytest.raises(ValueError, match='11 weights and 10 biases'):
        tool.unpack_highway_lstm(torch.zeros(11), torch.zeros(10), 3, 2)


def test_classes_and_the_background_change_places(tool):
    head, state = converted_head(tool, 'motifnet')
    embeddings = state['context.obj_embed.weight']
    starts = state['context.decoder_rnn.obj_embed.weight']
    prior = state['freq_bias.obj_baseline.weight']
    for own in range(C + 1):
        reference = (own + 1) % (C + 1)
        assert torch.equal(head.object_embedding.weight[own],
                           embeddings[reference])
        assert torch.equal(head.decoder.label_embedding.weight[own],
                           starts[reference + 1])
        for other in range(C + 1):
            assert torch.equal(
                head.frequency_prior(torch.tensor([own]),
                                     torch.tensor([other]))[0],
                prior[reference * (C + 1) + (other + 1) % (C + 1)])
    assert torch.equal(head.decoder.label_embedding.weight[C + 1], starts[0])


def test_linknet_classifies_the_same(tool):
    head, state = converted_head(tool, 'linknet')
    rows = torch.randn(3, H, dtype=torch.float64)

    def fc(name, values):
        key = f'context.RE2.{name}'
        return values @ state[f'{key}.weight'].t() + state[f'{key}.bias']

    attention = (fc('W', rows) @ fc('U', rows).t()).softmax(dim=1)
    logits = fc('fc1', rows + fc('fc0', attention @ fc('H', rows)))
    objects = ObjectBatch.from_list([torch.zeros(3, 4)], torch.zeros(3, C + 1))
    _, got = head.object_classifier(rows, objects)
    torch.testing.assert_close(got, logits.roll(-1, dims=1))


@pytest.mark.parametrize('shared_gate', [False, True])
def test_kern_labels_the_same(tool, shared_gate):
    head, state = converted_head(tool, 'kern', shared_gate=shared_gate)
    source = 'ggnn_obj_reason.ggnn_obj'

    def fc(name, values):
        return values @ state[f'{source}.{name}.weight'].t() + state[
            f'{source}.{name}.bias']

    inputs = torch.randn(3, H, dtype=torch.float64)
    matrix = state[f'{source}.matrix']
    hidden = inputs[:, None].expand(-1, C + 1, -1)
    for _ in range(3):
        others = hidden.sum(0) - hidden
        a = torch.cat([matrix.t() @ others, matrix @ others], dim=2)
        z = torch.sigmoid(fc('fc_eq3_w', a) + fc('fc_eq3_u', hidden))
        r = torch.sigmoid(fc('fc_eq4_w', a) + fc(
            'fc_eq3_u' if shared_gate else 'fc_eq4_u', hidden))
        c = torch.tanh(fc('fc_eq5_w', a) + fc('fc_eq5_u', r * hidden))
        hidden = (1 - z) * hidden + z * c
    nodes = torch.relu(fc('fc_output', torch.cat(
        [hidden, inputs[:, None].expand_as(hidden)], dim=2)))
    logits = fc('fc_obj_cls', nodes.flatten(1))
    got = head.object_graph(inputs, torch.zeros(3, dtype=torch.long), 1,
                            head.object_cooccurrence)
    torch.testing.assert_close(got, logits.roll(-1, dims=1), rtol=1e-9,
                               atol=1e-11)


def test_a_file_is_converted_by_the_command(tool, tmp_path, monkeypatch,
                                            capsys):
    state = reference_state(tool, 'linknet', head_of('linknet'))
    state['detector.bbox.weight'] = torch.ones(2)
    source, target = tmp_path / 'vgrel.tar', tmp_path / 'linknet.pth'
    torch.save(dict(state_dict=state, epoch=3), source)
    model = small_parser(type='LinkNetHead', num_classes=C, num_predicates=R,
                         hidden_size=H)
    detector = tmp_path / 'detector.pth'
    torch.save(dict(state_dict=model.detector.state_dict()), detector)
    for arguments in ((), ('--detector', str(detector))):
        monkeypatch.setattr(sys, 'argv', [
            'convert', 'linknet', str(source), str(target), *arguments])
        tool.main()
        assert 'not mapped (1): detector.bbox.weight' in capsys.readouterr().out
        weights = torch.load(target)['state_dict']
        assert all(key.startswith('relation_head.')
                   for key in weights) == (not arguments)
    model.load_state_dict(weights)  # nothing is missing to test it
    assert model.has_priors
