"""The parser and MotifNet's head as a whole."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from helpers.oracles import iou
from mmsgp.evaluation.functional import GraphArrays, unconstrained_entries
from mmsgp.models import select_objects
from mmsgp.models.relation_heads import RegionFeatures
from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch
from mmsgp.structures.ranking import RANKINGS
from mmsgp.testing import make_vg_data
from mmsgp.testing.graphs import assert_same_graphs
from mmsgp.testing.models import (
    CONFIGS,
    HEADS,
    random_objects,
    random_samples,
    small_model_cfg,
    small_parser,
)

SCORER = dict(type='Scorer')
FC_CLS = 'roi_head.bbox_head.fc_cls.weight'
TASKS = ('predcls', 'sgcls', 'sggen')


def trainable(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    'config, expected',
    [
        ('motifnet_ce_vg.py', 253_644_037),
        ('motifnet_cce_scorer_vg.py', 253_644_037 + 2_911_745),
        ('linknet_ce_vg.py', 292_234_020),
        ('linknet_cce_scorer_vg.py', 292_234_020 + 2_977_281),
        ('kern_ce_vg.py', 265_424_330),
        ('kern_cce_scorer_vg.py', 265_424_330 + 14_708_225),
    ],
)
def test_trainable_parameters_at_vg150_are_the_published_ones(config, expected):
    cfg = Config.fromfile(CONFIGS / config)
    assert cfg.model.relation_head.num_classes == 150
    assert cfg.model.relation_head.num_predicates == 50
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert trainable(model) == expected


def parser_of(head, **kwargs):
    """A small parser whose co-occurrences are not zero."""
    model = small_parser(type=head, **HEADS[head], **kwargs)
    for buffer in model.relation_head.buffers():
        if buffer.ndim > 1:
            buffer.uniform_()
    return model


@pytest.fixture(scope='module', params=HEADS)
def parser(request):
    model = parser_of(request.param, scorer=SCORER).eval()
    model.test_tasks = TASKS
    # As initialised all its scores nearly tie, and rounding would decide.
    with torch.no_grad():
        model.detector.rpn_head.rpn_cls.weight *= 30
        model.detector.roi_head.bbox_head.fc_cls.weight *= 30
    # A detector that has learnt nothing finds its boxes everywhere.
    model.detection_cfg = dict(model.detection_cfg, max_per_image=8)
    return model


@pytest.mark.parametrize('head', HEADS)
def test_detector_stays_frozen_through_a_training_step(head):
    torch.manual_seed(0)
    model = parser_of(head, scorer=SCORER).train()
    before = {k: v.clone() for k, v in model.detector.state_dict().items()}
    assert not any(m.training for m in model.detector.modules())
    assert model.relation_head.training
    losses = model.loss(torch.randn(2, 3, 96, 96), random_samples([4, 5]))
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert not any(p.requires_grad for p in model.detector.parameters())
    assert all(p.grad is not None for p in model.relation_head.parameters() if p.requires_grad)
    for name, value in model.detector.state_dict().items():
        assert torch.equal(value, before[name])


def test_relation_head_starts_from_the_detectors_fc_layers():
    model = small_parser()
    source = model.detector.roi_head.bbox_head.fc_head.state_dict()
    for head in (model.relation_head.fc_head, model.relation_head.pair_features.fc_head):
        for name, value in head.state_dict().items():
            assert torch.equal(value, source[name])


def test_a_batch_equals_its_images_one_by_one(parser):
    torch.manual_seed(1)
    images = torch.randn(4, 3, 96, 96)
    samples = random_samples([6, 1, 0, 4])
    together = parser.predict(images, [s.clone() for s in samples])
    for i, sample in enumerate(samples):
        (alone,) = parser.predict(images[i : i + 1], [sample.clone()])
        for task in TASKS:
            assert_same_graphs(together[i].pred_scene_graphs[task], alone.pred_scene_graphs[task])


@pytest.mark.parametrize('sizes', [(6, 1, 0, 4), (1, 0)])
def test_pairs_some_at_a_time_give_what_all_at_once_do(parser, sizes, monkeypatch):
    torch.manual_seed(3)
    head, objects = parser.relation_head, random_objects(sizes)
    maps = (torch.randn(len(sizes), 64, 12, 12),)
    regions = head.extract_regions(maps, objects)
    expected = head(regions, objects)  # with gradients: at once
    features, seen = head.relation_features, []
    monkeypatch.setattr(
        head,
        'relation_features',
        lambda context, some, objects: (
            seen.append(len(some.pairs)) or features(context, some, objects)
        ),
    )
    if head.pairs_per_chunk is not None:
        monkeypatch.setattr(head, 'pairs_per_chunk', 5)
    with torch.no_grad():
        output = head(regions, objects)
    assert max(seen) <= 5 or head.pairs_per_chunk is None
    assert sum(seen) == len(regions.pairs)
    for name in ('relation_logits', 'significance'):
        torch.testing.assert_close(
            getattr(output, name), getattr(expected, name), rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize('amp', [False, True])
def test_pairs_are_pooled_once_for_all_tasks_some_at_a_time(parser, amp, monkeypatch):
    head = parser.relation_head
    if head.pairs_per_chunk is None or head.pair_features is None:
        return  # it pools no pairs
    torch.manual_seed(4)
    images, samples = torch.randn(3, 3, 96, 96), random_samples([6, 0, 4])
    seen, pool = [], head.pair_features.forward
    monkeypatch.setattr(
        head.pair_features,
        'forward',
        lambda maps, bboxes, image_ids, pairs, *more: (
            seen.append(pairs) or pool(maps, bboxes, image_ids, pairs, *more)
        ),
    )
    monkeypatch.setattr(parser, 'test_tasks', ('predcls', 'sgcls'))
    results = []
    for size in (512, 7):
        monkeypatch.setattr(head, 'pairs_per_chunk', size)
        seen.clear()
        with torch.autocast('cpu', torch.bfloat16, enabled=amp):
            results.append(parser.predict(images, [s.clone() for s in samples]))
    assert max(map(len, seen)) <= 7 and len(seen) > 1
    assert len(torch.cat(seen).unique(dim=0)) == len(torch.cat(seen)) == 6 * 5 + 4 * 3
    for one, other in zip(*results):
        for task in ('predcls', 'sgcls'):
            assert_same_graphs(one.pred_scene_graphs[task], other.pred_scene_graphs[task])


def test_a_pair_is_pooled_together_with_its_reverse():
    pairs = torch.tensor([[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]])
    regions = RegionFeatures(pairs, torch.empty(0), pool_unions=lambda own: own.double())
    parts = list(regions.split_pairs(2))
    assert [part.pairs.tolist() for _, part in parts] == [
        [[0, 1], [1, 0]],
        [[0, 2], [2, 0]],
        [[1, 2], [2, 1]],
    ]
    for rows, part in parts:
        assert torch.equal(pairs[rows], part.pairs)
        assert torch.equal(part.unions, part.pairs.double())
    ((rows, part),) = regions.split_pairs(6)
    assert torch.equal(part.unions, pairs[rows].double())


def test_a_head_in_training_sees_all_pairs_at_once(monkeypatch):
    parser = parser_of('LinkNetHead').train()
    head, objects = parser.relation_head, random_objects((6, 5))
    regions = head.extract_regions((torch.randn(2, 64, 12, 12),), objects)
    features, seen = head.relation_features, []
    monkeypatch.setattr(
        head,
        'relation_features',
        lambda context, some, objects: (
            seen.append(len(some.pairs)) or features(context, some, objects)
        ),
    )
    monkeypatch.setattr(head, 'pairs_per_chunk', 5)
    with torch.no_grad():
        head(regions, objects)
    assert seen == [len(regions.pairs)]


def test_three_tasks_in_one_pass_equal_three_passes(parser):
    torch.manual_seed(2)
    images, samples = torch.randn(2, 3, 96, 96), random_samples([5, 3])
    together = parser.predict(images, [s.clone() for s in samples])
    for task in TASKS:
        parser.test_tasks = (task,)
        single = parser.predict(images, [s.clone() for s in samples])
        parser.test_tasks = TASKS
        for one, three in zip(single, together):
            assert list(one.pred_scene_graphs) == [task]
            assert_same_graphs(one.pred_scene_graphs[task], three.pred_scene_graphs[task])


def test_predictions_keep_what_the_task_gives(parser):
    torch.manual_seed(3)
    (sample,) = random_samples([5])
    truth = sample.gt_scene_graph.objects
    sample.set_metainfo(dict(scale_factor=(0.5, 0.25)))
    truth.bboxes = truth.bboxes / truth.bboxes.new_tensor([0.5, 0.25, 0.5, 0.25])
    graphs = parser.predict(torch.randn(1, 3, 96, 96), [sample])[0].pred_scene_graphs
    for task in ('predcls', 'sgcls'):
        torch.testing.assert_close(graphs[task].objects.bboxes, truth.bboxes)
        assert graphs[task].num_relations == 5 * 4
    assert torch.equal(graphs['predcls'].objects.labels, truth.labels)
    assert (graphs['predcls'].objects.scores == 1).all()
    for graph in graphs.values():
        scores = graph.relations.scores
        assert (scores[:-1] >= scores[1:]).all()
        assert graph.relations.labels.min() >= 1  # unknown is not predicted
        torch.testing.assert_close(
            graph.relations.labels, graph.relations.distribution[:, 1:].argmax(1) + 1
        )


def test_without_scorer_relations_rank_by_the_product_of_probabilities():
    model = small_parser().eval()
    model.test_tasks = ('sgcls',)
    (sample,) = model.predict(torch.randn(1, 3, 96, 96), random_samples([5]))
    graph = sample.pred_scene_graphs['sgcls']
    relations, scores = graph.relations, graph.objects.scores
    expected = [
        d[1:].max() * scores[s] * scores[o]
        for d, (s, o) in zip(relations.distribution, relations.pairs)
    ]
    torch.testing.assert_close(relations.scores, torch.stack(expected))
    assert 'significance' not in relations


def test_sggen_relates_overlapping_boxes_only(parser):
    (sample,) = parser.predict(torch.randn(1, 3, 96, 96), random_samples([2]))
    graph = sample.pred_scene_graphs['sggen']
    assert graph.num_objects == 8
    related = {tuple(pair) for pair in graph.relations.pairs.tolist()}
    boxes = graph.objects.bboxes
    for i in range(8):
        for j in range(8):
            # Candidates are chosen by the box of the detector's class, which
            # a relabelled object may leave for that of its new class.
            assert ((i, j) in related) == ((j, i) in related)
            assert (i, i) not in related
    assert len(related) == graph.num_relations
    assert boxes.min() >= 0 and boxes.max() <= 96


@pytest.mark.parametrize('sizes', [[0, 0], [1, 1], [0, 3], [2, 1]])
def test_images_of_few_objects_train_and_test(sizes):
    torch.manual_seed(0)
    model = small_parser(scorer=SCORER).train()
    images, samples = torch.randn(2, 3, 96, 96), random_samples(sizes)
    losses = model.loss(images, samples)
    total = sum(v for k, v in losses.items() if 'loss' in k)
    total.backward()
    assert torch.isfinite(total)
    # so that distributed training never waits for a gradient
    assert all(p.grad is not None for p in model.relation_head.parameters() if p.requires_grad)
    model.eval().test_tasks = TASKS
    model.detection_cfg['score_thr'] = 0.99  # nothing is detected
    for sample, size in zip(model.predict(images, samples), sizes):
        graph = sample.pred_scene_graphs['sgcls']
        assert graph.num_relations == size * (size - 1)
        assert sample.pred_scene_graphs['sggen'].num_objects == 0
        assert sample.pred_scene_graphs['sggen'].num_relations == 0


def naive_select(scores, bboxes, score_thr, iou_thr, limit):
    """Per-class suppression and one label a box, by loops."""
    keep = {}
    for c in range(scores.shape[1]):
        chosen = []
        for i in scores[:, c].argsort(descending=True).tolist():
            if scores[i, c] <= score_thr:
                continue
            if all(iou(bboxes[i, c], bboxes[j, c]) <= iou_thr for j in chosen):
                chosen.append(i)
        for i in chosen:
            keep.setdefault(i, {})[c] = float(scores[i, c])
    best = {i: max(found.items(), key=lambda item: item[1]) for i, found in keep.items()}
    ranked = sorted(best.items(), key=lambda item: -item[1][1])[:limit]
    return [i for i, _ in ranked], [c for _, (c, _) in ranked]


@pytest.mark.parametrize('seed', range(10))
def test_selection_of_detections_equals_the_loop(seed):
    torch.manual_seed(seed)
    scores = torch.rand(12, 3)
    bboxes = random_objects([36]).bboxes.view(12, 3, 4)
    kept, labels = select_objects(scores, bboxes, 0.2, 0.3, 6)
    expected = naive_select(scores, bboxes, 0.2, 0.3, 6)
    assert (kept.tolist(), labels.tolist()) == expected


def naive_scores(graph):
    """Scores in each order, and the weights of pairs, by loops in float64."""
    scores, weights = {}, {}
    for row, (i, j) in enumerate(graph.relations.pairs.tolist()):
        objects = graph.objects.scores[i].item() * graph.objects.scores[j].item()
        predicate = graph.relations.distribution[row, 1:].max().item()
        significance = graph.relations.significance[row].item()
        for order, factors in dict(
            significance=(significance, 1),
            expected_significance=(significance * objects, 1),
            probability=(objects, predicate),
            both=(significance * objects, predicate),
        ).items():
            weights.setdefault(order, []).append(factors[0])
            scores.setdefault(order, []).append(factors[0] * factors[1])
    return scores, weights


@pytest.mark.parametrize('task', ['predcls', 'sgcls', 'sggen'])
@pytest.mark.parametrize('rank_by', RANKINGS)
def test_relations_are_ranked_as_asked(parser, rank_by, task):
    parser = copy.deepcopy(parser)
    parser.relation_head.rank_by = rank_by
    parser.test_tasks = (task,)
    torch.manual_seed(0)
    for sample in parser.predict(torch.randn(2, 3, 96, 96), random_samples([4, 5])):
        graph = sample.pred_scene_graphs[task]
        relations = graph.relations
        scores, weights = naive_scores(graph)
        torch.testing.assert_close(relations.scores, torch.tensor(scores[rank_by]).float())
        assert (relations.scores.diff() <= 0).all()
        # The best entry of a pair: its weight times its best predicate.
        entries = unconstrained_entries(
            GraphArrays.from_graph(graph), graph.to_dict(), limit=10_000
        )
        best = np.zeros(len(relations), np.float32)
        np.maximum.at(best, entries.rows, entries.scores)
        expected = torch.tensor(weights[rank_by]) * relations.predicate_scores
        torch.testing.assert_close(torch.from_numpy(best), expected.float())


def test_a_scorer_ranks_by_significance_where_boxes_and_labels_are_given(parser):
    """Else an object that is not certain counts by its probability."""
    assert parser.relation_head.rank_by == 'expected_significance'
    orders = {}
    for rank_by in ('significance', 'expected_significance'):
        parser = copy.deepcopy(parser)
        parser.relation_head.rank_by = rank_by
        parser.test_tasks = ('predcls', 'sggen')
        torch.manual_seed(0)
        (sample,) = parser.predict(torch.randn(1, 3, 96, 96), random_samples([6]))
        orders[rank_by] = {
            task: graph.relations.pairs.tolist() for task, graph in sample.pred_scene_graphs.items()
        }
    one, other = orders.values()
    assert one['predcls'] == other['predcls']
    assert one['sggen'] != other['sggen']


def test_significances_close_to_one_do_not_tie(parser, monkeypatch):
    logits = torch.linspace(18, 30, 30)[torch.randperm(30)]
    monkeypatch.setattr(parser.relation_head.scorer, 'forward', lambda *args: logits)
    monkeypatch.setattr(parser, 'test_tasks', ('predcls',))
    (sample,) = parser.predict(torch.randn(1, 3, 96, 96), random_samples([6]))
    relations = sample.pred_scene_graphs['predcls'].relations
    assert (relations.significance.float() == 1).all()
    assert (relations.significance.diff() < 0).all()


def test_relations_of_an_object_with_itself_are_trained_on_if_asked():
    """As the reference of Neural Motifs does; by default they are left out."""
    objects = random_objects([3, 2])
    relations = [
        InstanceData(pairs=torch.tensor([[0, 0], [0, 2]]), labels=torch.tensor([4, 2])),
        InstanceData(pairs=torch.tensor([[1, 1]]), labels=torch.tensor([3])),
    ]
    for flag, expected in ((False, {(0, 2): 2}), (True, {(0, 2): 2, (0, 0): 4, (4, 4): 3})):
        head = small_parser(self_relations=flag).relation_head
        pairs, labels = head.sample_pairs(objects, relations)
        annotated = {
            tuple(pair): label for pair, label in zip(pairs.tolist(), labels.tolist()) if label
        }
        assert annotated == expected


@pytest.mark.parametrize('eps', [1e-3, 0.1])
def test_the_prior_has_the_floor_that_is_asked_for(tmp_path, eps):
    dataset = make_vg_data(tmp_path, with_images=False, num_classes=5).dataset()
    head = small_parser(
        num_predicates=len(dataset.metainfo['predicates']),
        frequency_prior=dict(type='FrequencyPrior', eps=eps),
    ).relation_head
    head.load_statistics(dataset.statistics, dataset.metainfo['classes'])
    counts = dataset.statistics.predicate_cooccurrence
    assert (counts == 0).any()
    torch.testing.assert_close(
        head.frequency_prior.table.detach().double(),
        (torch.as_tensor(counts).double() + eps).log(),
        rtol=1e-6,
        atol=1e-6,
    )
    with pytest.raises(ValueError, match=r'eps.*-1'):
        small_parser(frequency_prior=dict(type='FrequencyPrior', eps=-1))


def test_the_decoder_may_start_from_word_vectors(tmp_path):
    path = tmp_path / 'glove.txt'
    rows = torch.arange(200.0).view(2, 100).tolist()
    path.write_text(
        ''.join(f'{word} {" ".join(map(str, row))}\n' for word, row in zip(('class1', 'yak'), rows))
    )
    dataset = make_vg_data(tmp_path / 'data', with_images=False, num_classes=5).dataset()
    head = small_parser(
        decoder_word_vectors=str(path), num_predicates=len(dataset.metainfo['predicates'])
    ).relation_head
    before = head.decoder.label_embedding.weight.detach().clone()
    classes = [f'class{i}' for i in range(5)]
    head.load_statistics(dataset.statistics, classes)
    after = head.decoder.label_embedding.weight
    assert after[1].tolist() == rows[0]
    changed = (after != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == [1]


def test_proposals_may_be_pooled_while_regressed_boxes_are_the_output(monkeypatch):
    """As in the reference of Neural Motifs; the other tasks do not change."""
    graphs, pooled = {}, {}
    for regions in ('boxes', 'proposals'):
        cfg = small_model_cfg()
        cfg.detector_adapter = dict(type='TwoStageAdapter', regions=regions)
        cfg.test_tasks = ('sgcls', 'sggen')
        torch.manual_seed(0)
        model = MODELS.build(cfg)
        torch.nn.init.normal_(model.detector.roi_head.bbox_head.fc_reg.weight, std=0.05)
        extract, seen = model.relation_head.extract_regions, []
        monkeypatch.setattr(
            model.relation_head,
            'extract_regions',
            lambda maps, objects, *args, extract=extract, seen=seen: (
                seen.append(objects),
                extract(maps, objects, *args),
            )[1],
        )
        torch.manual_seed(1)
        (sample,) = model.eval().predict(torch.randn(1, 3, 96, 96), random_samples([4]))
        graphs[regions], pooled[regions] = sample.pred_scene_graphs, seen[-1]
    assert (
        graphs['boxes']['sgcls'].relations.pairs.tolist()
        == graphs['proposals']['sgcls'].relations.pairs.tolist()
    )
    objects, found = pooled['proposals'], graphs['proposals']['sggen'].objects
    rows = torch.arange(len(found.labels))
    torch.testing.assert_close(found.bboxes, objects.class_bboxes[rows, found.labels])
    assert not torch.allclose(objects.bboxes, pooled['boxes'].bboxes)


def test_unknown_rankings_are_refused():
    with pytest.raises(ValueError, match="rank_by .*'luck'"):
        small_parser(rank_by='luck')
    with pytest.raises(ValueError, match="rank_by='both' .*scorer"):
        small_parser(rank_by='both')
    model = small_parser()
    model.relation_head.rank_by = 'both'  # it may change after training
    with pytest.raises(ValueError, match="rank_by='both' .*scorer"):
        model.predict(torch.randn(1, 3, 96, 96), random_samples([2]))


def test_priors_of_another_data_set_do_not_fit_kern(tmp_path):
    dataset = make_vg_data(tmp_path, num_classes=7, with_images=False).dataset()
    model = parser_of('KERNHead')
    with pytest.raises(ValueError, match='num_classes and num_predicates'):
        model.load_statistics(dataset)


@pytest.mark.parametrize('head', HEADS)
def test_a_head_takes_the_priors_of_its_data_set(tmp_path, head):
    dataset = make_vg_data(tmp_path, with_images=False).dataset()
    model = parser_of(head, loss_relation=dict(type='LogitAdjustedLoss', num_predicates=4))
    model.load_statistics(dataset)
    statistics = dataset.statistics
    head = model.relation_head
    if hasattr(head, 'predicate_cooccurrence'):
        torch.testing.assert_close(
            head.predicate_cooccurrence.double(),
            torch.as_tensor(statistics.predicate_cooccurrence),
            rtol=1e-6,
            atol=1e-7,
        )
        torch.testing.assert_close(
            head.object_cooccurrence[:-1, :-1].double(),
            torch.as_tensor(statistics.object_cooccurrence),
            rtol=1e-6,
            atol=1e-7,
        )
        assert not head.object_cooccurrence[-1].any()
    elif head.frequency_prior is not None or hasattr(head, 'prior'):
        prior = head.frequency_prior or head.prior
        assert torch.equal(prior.table, torch.as_tensor(statistics.frequency_prior()))
    assert head.loss_relation.predicate_values[1:].any()


def test_a_loss_counts_on_top_of_the_checkpoint_of_another_loss(tmp_path):
    dataset = make_vg_data(tmp_path, with_images=False).dataset()
    trained = small_parser()
    trained.load_statistics(dataset)
    with torch.no_grad():
        trained.relation_head.frequency_prior.table += 1  # learnt
    model = small_parser(loss_relation=dict(type='LogitAdjustedLoss', num_predicates=4))
    model.load_state_dict(trained.state_dict(), strict=False)
    model.load_statistics(dataset)
    assert model.relation_head.loss_relation.predicate_values[1:].any()
    assert torch.equal(
        model.relation_head.frequency_prior.table, trained.relation_head.frequency_prior.table
    )


def test_unknown_tasks_are_refused():
    with pytest.raises(ValueError, match="test_tasks.*'sgcls', 'sggen'.*'sgdet'"):
        MODELS.build(dict(small_model_cfg(), test_tasks=('sgdet',)))


def test_detector_and_head_must_agree_in_classes():
    cfg = small_model_cfg()
    cfg.relation_head.num_classes += 1
    with pytest.raises(ValueError, match='5 classes.* 6'):
        MODELS.build(cfg)


@pytest.mark.parametrize(
    'change, message',
    [
        (
            lambda state: state.update({FC_CLS: torch.zeros(9, 4)}),
            rf'detector.pth.*{FC_CLS}.*\(9, 4\)',
        ),
        (lambda state: state.pop(FC_CLS), f'detector.pth.*{FC_CLS}'),
    ],
)
def test_weights_of_another_detector_are_refused(tmp_path, change, message):
    state = small_parser().detector.state_dict()
    change(state)
    path = tmp_path / 'detector.pth'
    torch.save(dict(state_dict=state), path)
    cfg = small_model_cfg()
    cfg.detector.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    with pytest.raises(ValueError, match=message):
        MODELS.build(cfg).init_weights()


def pretrained_parser(path, state, **names):
    """A parser whose own ``init_cfg`` names a file of weights and names."""
    torch.save(dict(state_dict=state, meta=dict(dataset_meta=names)), path)
    return MODELS.build(
        {**small_model_cfg(), 'init_cfg': dict(type='Pretrained', checkpoint=str(path))}
    )


def test_a_parser_starts_from_weights_of_a_whole_parser(tmp_path):
    state = small_parser(seed=1).state_dict()
    for name, value in state.items():
        if name.startswith('relation_head.'):  # not the detector's
            value += 1
    model = pretrained_parser(tmp_path / 'parser.pth', state)
    model.init_weights()
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_weights_of_another_parser_are_refused(tmp_path):
    path, state = tmp_path / 'parser.pth', small_parser().state_dict()
    data = make_vg_data(tmp_path, num_classes=5, num_predicates=4, with_images=False)
    model = pretrained_parser(path, state, classes=data.classes, predicates=data.predicates[::-1])
    model.init_weights()
    with pytest.raises(ValueError, match='parser.pth.* predicates'):
        model.load_statistics(data.dataset())
    missing = next(key for key in state if key.startswith('relation_head.'))
    state.pop(missing)
    with pytest.raises(ValueError, match=f'parser.pth.*{missing}'):
        pretrained_parser(path, state).init_weights()


def test_double_precision_is_kept(parser):
    parser = copy.deepcopy(parser).double()
    parser.test_tasks = ('sgcls',)
    (sample,) = parser.predict(torch.randn(1, 3, 96, 96, dtype=torch.float64), random_samples([3]))
    relations = sample.pred_scene_graphs['sgcls'].relations
    assert relations.distribution.dtype == torch.float64
    assert relations.scores.dtype == torch.float64


def test_all_pairs_of_detected_boxes_are_candidates_where_it_is_set():
    bboxes = torch.tensor([[0.0, 0, 10, 10], [5, 5, 15, 15], [40, 40, 50, 50]])
    objects = ObjectBatch.from_list(
        [bboxes], torch.zeros(3, 6), class_bboxes=bboxes[:, None].expand(-1, 5, -1)
    )
    pairs = {}
    for name in ('overlapping', 'all'):
        cfg = small_model_cfg()
        cfg.sggen_pairs = name
        parser = MODELS.build(cfg)
        parser.detector_adapter.detect_objects = lambda *args, **kwargs: objects
        batch = SimpleNamespace(data_samples=random_samples([3]))
        detected = parser._detected_objects(batch)
        pairs[name] = parser.relation_head.candidate_pairs(detected).tolist()
    assert pairs['overlapping'] == [[0, 1], [1, 0]]
    assert pairs['all'] == [[i, j] for i in range(3) for j in range(3) if i != j]
    cfg.sggen_pairs = 'none'
    with pytest.raises(ValueError, match='sggen_pairs must be one of'):
        MODELS.build(cfg)
