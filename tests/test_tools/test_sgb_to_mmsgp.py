"""Checkpoints of Scene-Graph-Benchmark become those of MMSGP."""

from dataclasses import replace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from sgb_to_mmsgp import config_options
from sgb_weights import KINDS, convert

from helpers.naive_heads import box_code, random_inputs
from helpers.sgb_weights import CONTEXT, PREDICTOR, D, E, H, K, Q, sgb_state
from mmsgp.checkpoint.loading import load_checkpoint_file
from mmsgp.models.layers import TreeLevels, Trees
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS

TOOL = 'model_converters/sgb_to_mmsgp'
OWN = dict(
    motifs=dict(
        type='GatedPairHead',
        hidden_size=H,
        context=dict(type='SGBMotifContext', num_edge_layers=2),
    ),
    transformer=dict(
        type='TransformerHead',
        hidden_size=H,
        num_heads=2,
        feedforward_channels=24,
        num_object_layers=2,
        num_edge_layers=1,
    ),
    imp=dict(type='IMPHead', hidden_size=H),
    vctree=dict(type='VCTreeHead', hidden_size=H, decode_inputs=True),
)


def small_config(kind):
    """The frame of Scene-Graph-Benchmark in the sizes of the states."""
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / 'transformer_ce_sgb_vg.py')
    detector, head = cfg.model.detector, cfg.model.relation_head
    detector.init_cfg = None
    detector.backbone.update(depth=50, groups=4, base_width=4)
    detector.roi_head.bbox_head.num_classes = K - 1
    for part in (detector.roi_head.bbox_head, head, head.pair_features):
        part.fc_head.out_channels = D
    if kind == 'detector':
        return Config(dict(model=detector, default_scope='mmsgp'))
    head.update(num_classes=K - 1, num_predicates=4, **OWN[kind])
    return Config(dict(model=cfg.model, default_scope='mmsgp'))


def loaded(kind):
    model = MODELS.build(small_config(kind).model).eval()
    model.load_state_dict(convert(sgb_state(kind), kind), strict=True)
    return model, sgb_state(kind)


@pytest.mark.parametrize('kind', KINDS)
def test_all_weights_are_loaded_strictly(kind):
    model, _ = loaded(kind)
    assert kind == 'detector' or model.has_priors == 1


def fc(state, name, values):
    weight = state[f'{name}.weight'].flatten(1)
    return values @ weight.T + state[f'{name}.bias']


def normed(state, name, values):
    values = values - values.mean(dim=-1, keepdim=True)
    values = values / (values.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    return values * state[f'{name}.weight'] + state[f'{name}.bias']


def lstm_of_pytorch(state, name, rows, layers):
    """A bidirectional LSTM by its formula: gates i, f, g, o of each step, both ways."""
    for number in range(layers):
        both = []
        for end, order in (('', range(len(rows))), ('_reverse', range(len(rows))[::-1])):
            weights = [
                state[f'{name}.{part}_l{number}{end}']
                for part in ('weight_ih', 'bias_ih', 'weight_hh', 'bias_hh')
            ]
            h, c, outputs = torch.zeros(H), torch.zeros(H), [None] * len(rows)
            for step in order:
                gates = weights[0] @ rows[step] + weights[1] + weights[2] @ h + weights[3]
                i, f, g, o = gates.chunk(4)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = outputs[step] = o.sigmoid() * c.tanh()
            both.append(torch.stack(outputs))
        rows = torch.cat(both, dim=1)
    return rows


def decode_there(state, rows):
    """The decoder of Motifs: a highway LSTM, labels of the background's order."""
    name = f'{CONTEXT}.decoder_rnn'
    words, logits = state[f'{name}.obj_embed.weight'], []
    h, c, word = torch.zeros(H), torch.zeros(H), words[0]
    for row in rows:
        projected = fc(state, f'{name}.input_linearity', torch.cat([row, word]))
        gates = projected[: 5 * H] + fc(state, f'{name}.state_linearity', h)
        i, f, g, o, r = gates.chunk(5)
        c = i.sigmoid() * g.tanh() + f.sigmoid() * c
        r = r.sigmoid()
        h = r * o.sigmoid() * c.tanh() + (1 - r) * projected[5 * H :]
        logits.append(fc(state, f'{name}.out_obj', h))
        word = words[logits[-1][1:].argmax() + 1 + 1]
    return torch.stack(logits)


def test_motifs_compute_the_same():
    """From features of regions to logits, by the formulas there, image by image."""
    model, state = loaded('motifs')
    head = model.relation_head
    regions, objects = random_inputs(head, (4, 0, 1, 3), channels=D)
    regions = regions._replace(
        objects=regions.objects.detach().float(), unions=regions.unions.detach().float()
    )
    objects = replace(
        objects,
        bboxes=objects.bboxes.float(),
        logits=objects.logits.float(),
        image_sizes=objects.image_sizes.float(),
    )
    with torch.no_grad():
        found = head(regions, objects)
    there = [5, 0, 1, 2, 3, 4]  # columns of the background's order
    norm = {key: state[f'{CONTEXT}.pos_embed.1.{key}'] for key in ('running_mean', 'running_var')}
    all_logits, relations = torch.empty(8, K), torch.empty(len(regions.pairs), Q)
    for image in range(4):
        rows = (objects.image_ids == image).nonzero()[:, 0]
        rows = rows[objects.bboxes[rows][:, [0, 2]].mean(dim=1).argsort(descending=True)]
        if not len(rows):
            continue
        x = regions.objects[rows]
        code = torch.stack([box_code(objects, row) for row in rows]).float()
        code = fc(state, f'{CONTEXT}.pos_embed.0', code)
        code = (code - norm['running_mean']) / (norm['running_var'] + 1e-5).sqrt()
        code = code * state[f'{CONTEXT}.pos_embed.1.weight'] + state[f'{CONTEXT}.pos_embed.1.bias']
        position = fc(state, f'{CONTEXT}.pos_embed.2', code).relu()
        shares = objects.logits[rows][:, there].softmax(dim=1)
        words = shares @ state[f'{CONTEXT}.obj_embed1.weight']
        inputs = torch.cat([x, words, position], dim=1)
        hidden = lstm_of_pytorch(state, f'{CONTEXT}.obj_ctx_rnn', inputs, 1)
        hidden = fc(state, f'{CONTEXT}.lin_obj_h', hidden)
        logits = decode_there(state, torch.cat([inputs, hidden], dim=1))
        labels = logits[:, 1:].argmax(dim=1) + 1
        all_logits[rows] = logits
        words = state[f'{CONTEXT}.obj_embed2.weight'][labels]
        edges = torch.cat([words, x, hidden], dim=1)
        edges = lstm_of_pytorch(state, f'{CONTEXT}.edge_ctx_rnn', edges, 2)
        roles = fc(state, f'{PREDICTOR}.post_emb', fc(state, f'{CONTEXT}.lin_edge_h', edges))
        place = {row: i for i, row in enumerate(rows.tolist())}
        for k, (s, o) in enumerate(regions.pairs.tolist()):
            if s in place:
                s, o = place[s], place[o]
                both = torch.cat([roles[s, :H], roles[o, H:]])
                gated = fc(state, f'{PREDICTOR}.post_cat', both) * regions.unions[k]
                prior = state[f'{PREDICTOR}.freq_bias.obj_baseline.weight']
                relations[k] = fc(state, f'{PREDICTOR}.rel_compress', gated)
                relations[k] += prior[labels[s] * K + labels[o]]
    close = dict(rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.context.logits[:, there], all_logits, **close)
    torch.testing.assert_close(found.relation_logits, relations, **close)


def test_a_layer_of_the_transformer_computes_the_same():
    model, state = loaded('transformer')
    name, rows = f'{CONTEXT}.context_obj.layer_stack.1', torch.randn(5, H)
    heads = []
    for part in (slice(0, 8), slice(8, 16)):
        q, k, v = (fc(state, f'{name}.slf_attn.w_{x}s', rows)[:, part] for x in 'qkv')
        heads.append((q @ k.T / 8**0.5).softmax(dim=1) @ v)
    attended = fc(state, f'{name}.slf_attn.fc', torch.cat(heads, dim=1))
    hidden = normed(state, f'{name}.slf_attn.layer_norm', attended + rows)
    fed = fc(state, f'{name}.pos_ffn.w_2', fc(state, f'{name}.pos_ffn.w_1', hidden).relu())
    expected = normed(state, f'{name}.pos_ffn.layer_norm', fed + hidden)
    layer = model.relation_head.object_encoder.layers[1]
    with torch.no_grad():
        found = layer(rows[None], query_pos=None, key_padding_mask=None)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def tree_of_three():
    """An object, its left child and its right child."""
    parent, left, right = ([-1, 0, 0], [1, -1, -1], [2, -1, -1])
    trees = Trees(*(torch.tensor(own) for own in (parent, left, right, [0, 1, 1])))
    return TreeLevels(trees, torch.device('cpu'))


def test_a_cell_with_two_children_computes_the_same():
    model, state = loaded('vctree')
    name = f'{CONTEXT}.edge_ctx_rnn.multi_layer_lstm.0.treeLSTM_foreward.treeLSTM'

    def there(x, left_h, right_h, left_c, right_c):
        gates = fc(state, f'{name}.ioffux', x) + fc(state, f'{name}.ioffuh_left', left_h)
        gates = gates + fc(state, f'{name}.ioffuh_right', right_h)
        i, o, f_left, f_right, u, r = gates.chunk(6)
        c = i.sigmoid() * u.tanh() + f_left.sigmoid() * left_c + f_right.sigmoid() * right_c
        r = r.sigmoid()
        return r * o.sigmoid() * c.tanh() + (1 - r) * fc(state, f'{name}.px', x), c

    root, *leaves = x = torch.randn(3, E + H + D)
    (left_h, left_c), (right_h, right_c) = (there(leaf, *torch.zeros(4, H // 2)) for leaf in leaves)
    h, _ = there(root, left_h, right_h, left_c, right_c)
    cell = model.relation_head.edge_tree.up
    with torch.no_grad():
        found = cell(cell.input_projection(x), tree_of_three().upwards)
    torch.testing.assert_close(found, torch.stack([h, left_h, right_h]), rtol=1e-4, atol=1e-5)


def test_a_cell_with_a_parent_computes_the_same():
    model, state = loaded('vctree')
    name = f'{CONTEXT}.decoder_rnn.decoderLSTM'

    def there(x, before_h, before_c):
        gates = fc(state, f'{name}.iofux', x) + fc(state, f'{name}.iofuh', before_h)
        i, o, f, u, r = gates.chunk(5)
        c = i.sigmoid() * u.tanh() + f.sigmoid() * before_c
        r = r.sigmoid()
        return r * o.sigmoid() * c.tanh() + (1 - r) * fc(state, f'{name}.px', x), c

    root, *leaves = x = torch.randn(3, H + D + E + 128 + E)
    above = there(root, *torch.zeros(2, H))
    expected = torch.stack([above[0], *(there(leaf, *above)[0] for leaf in leaves)])
    cell = model.relation_head.decoder.cell
    with torch.no_grad():
        found = cell(cell.input_projection(x), tree_of_three().downwards)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_classes_count_from_the_background_there_and_end_with_it_here():
    model, state = loaded('vctree')
    head, order = model.relation_head, [1, 2, 3, 4, 5, 0]
    box_head = model.detector.roi_head.bbox_head
    scores = state['roi_heads.box.predictor.cls_score.bias']
    assert torch.equal(box_head.fc_cls.bias, scores[order])
    deltas = state['roi_heads.box.predictor.bbox_pred.bias']
    assert torch.equal(box_head.fc_reg.bias, deltas[4:])
    decoder = state[f'{CONTEXT}.decoder_rnn.obj_embed.weight']  # start, background, classes
    assert torch.equal(head.decoder.label_embedding.weight, decoder[[2, 3, 4, 5, 6, 1, 0]])
    table = state[f'{PREDICTOR}.freq_bias.obj_baseline.weight']
    prior = state[f'{CONTEXT}.bi_freq_prior.weight'][0]
    for s, there in enumerate(order):
        for o, also in enumerate(order):
            assert torch.equal(head.frequency_prior.table[s, o], table[there * K + also])
            assert head.scorer_of_pairs.cooccurrence.weight[s, o] == prior[there * K + also]
    assert not head.fc_predicate.parts[1].weight.any()


def test_gates_of_imp_go_where_they_came_from():
    model, state = loaded('imp')
    for gate, name in zip(
        model.relation_head.gates, ('sub_vert', 'obj_vert', 'out_edge', 'in_edge')
    ):
        assert torch.equal(gate.weight, state[f'{CONTEXT}.{name}_w_fc.0.weight'])
    unit = model.relation_head.pair_unit
    assert torch.equal(unit.weight_hh, state[f'{CONTEXT}.edge_gru.weight_hh'])


@pytest.mark.parametrize(
    ('kind', 'extra'),
    [
        ('transformer', f'{PREDICTOR}.up_dim.weight'),
        ('vctree', f'{CONTEXT}.obj_ctx_rnn.multi_layer_lstm.1.treeLSTM_foreward.treeLSTM.px.bias'),
        ('imp', 'roi_heads.relation.att_feature_extractor.fc6.weight'),
        ('motifs', f'{PREDICTOR}.vis_compress.weight'),  # of a causal predictor
        ('detector', 'roi_heads.attribute.predictor.att_score.weight'),
    ],
)
def test_what_has_no_place_is_refused_with_its_name(kind, extra):
    state = {**sgb_state(kind), extra: torch.zeros(1)}
    with pytest.raises(ValueError, match=f'no place for 1 tensors.*{extra}'):
        convert(state, kind)


def test_a_checkpoint_of_another_kind_is_refused_with_the_names():
    with pytest.raises(ValueError, match='not a checkpoint of transformer.*lacks'):
        convert(sgb_state('motifs'), 'transformer')
    with pytest.raises(ValueError, match='no place for .*box_feature_extractor'):
        convert(sgb_state('motifs'), 'detector')


def test_options_tell_the_numbers_of_layers():
    options = config_options(convert(sgb_state('motifs'), 'motifs'), 'motifs')
    assert options['model.relation_head.hidden_size'] == H
    assert options['model.relation_head.context.num_object_layers'] == 1
    assert options['model.relation_head.context.num_edge_layers'] == 2


def test_the_tool_writes_a_checkpoint_that_fits_a_config(tmp_path, run_tool, capsys):
    source, target, config = (tmp_path / name for name in ('model.pth', 'own.pth', 'small.py'))
    state = {f'module.{key}': value for key, value in sgb_state('vctree').items()}
    torch.save(dict(model=state, iteration=50_000), source)
    small_config('vctree').dump(config)
    run_tool(TOOL, 'vctree', source, target, '--config', config)
    printed = capsys.readouterr().out
    assert 'it fits' in printed and 'model.relation_head.decode_inputs=True' in printed
    weights = load_checkpoint_file(str(target))['state_dict']
    assert weights.keys() == convert(sgb_state('vctree'), 'vctree').keys()


def test_a_config_of_another_size_and_a_file_without_weights_are_refused(tmp_path, run_tool):
    source, target, config = (tmp_path / name for name in ('model.pth', 'own.pth', 'small.py'))
    torch.save(dict(model=sgb_state('imp')), source)
    cfg = small_config('imp')
    cfg.model.relation_head.num_predicates = 7
    cfg.dump(config)
    with pytest.raises(SystemExit, match='does not fit'):
        run_tool(TOOL, 'imp', source, target, '--config', config)
    assert not target.exists()
    torch.save(dict(state_dict={}), source)
    with pytest.raises(SystemExit, match="no state dict under 'model'"):
        run_tool(TOOL, 'imp', source, target)
