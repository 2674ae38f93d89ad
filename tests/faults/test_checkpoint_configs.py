"""Configs in checkpoints cannot run code.

A process with audit hooks loads checkpoints with hostile configs: every registered
type at some place, every text replaced by others that could be run, imported or
opened, and keys that make MMEngine import or run files.
"""

import copy
import inspect
import json
import os
import subprocess
import sys
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import Registry

import mmsgp
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS

LOADER = Path(__file__).with_name('audited_loading.py')
PIPELINE = ('test_dataloader', 'dataset', 'pipeline')
# Texts that leave a trace if they are evaluated, imported, run or opened.
CODE = "__import__('pathlib').Path('executed').touch()"
PAYLOADS = (
    CODE,
    'canary.py',
    'canary_module',
    'canary_module.registry.x',
    'http://127.0.0.1:9/x.pth',
    '/etc/hostname',
    'canary.pkl',
    'file://canary.py',
)
HOSTILE_KEYS = dict(
    _scope_='canary_module',
    _base_='canary.py',
    teacher_config='canary.py',
    custom_imports=dict(imports=['canary_module']),
    init_cfg=dict(type='Pretrained', checkpoint='canary.pkl'),
    pretrained='canary.pkl',
    class_weight='canary.pkl',
    word_vectors='canary.py',
    warp_mode=CODE,
    backend_args=dict(backend='petrel'),
    plugins=[dict(cfg=dict(type='mmdet.CameraMotionCompensation', warp_mode=CODE))],
    type=CODE,
    __class__='os.system',
    _delete_=True,
)
NUMBERS = (10**12, -1, 1e308, float('nan'), 0, True, '5', [[1] * 200])


def small_config() -> dict:
    """Make the config of a training's checkpoint, with few weights."""
    cfg = Config.fromfile(CONFIGS / 'motifnet_cce_scorer_minivg.py').to_dict()
    narrow = {64: 16, 256: 16, 128: 16, 8: 2}

    def shrink(value: object, key: str = '') -> object:
        if isinstance(value, dict):
            return {k: shrink(v, k) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(shrink(item) for item in value)
        is_width = key.endswith(('channels', '_size'))
        return narrow.get(value, value) if is_width else value

    cfg['model'] = shrink(cfg['model'])
    cfg['model']['detection_cfg'] = dict(score_thr=0.01, iou_thr=0.3, max_per_image=4)
    keys = ('model', 'visualizer', 'test_dataloader', 'train_cfg', 'default_scope')
    return {key: cfg[key] for key in keys}


def leaves(value: object, place: tuple = ()):
    """Yield every value and its place."""
    yield place, value
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, (*place, key))


def replaced(cfg: dict, place: tuple, value: object) -> dict:
    """Return the config with another value at a place."""
    if not place:
        return value
    key, *rest = place
    changed = list(cfg) if isinstance(cfg, tuple) else copy.copy(cfg)
    old = changed.get(key, {}) if isinstance(changed, dict) else changed[key]
    changed[key] = replaced(old, tuple(rest), value)
    return changed


def registered() -> dict[str, type]:
    """List everything in the registries of MMEngine, MMCV, MMDetection and MMSGP."""
    import mmcv.ops  # noqa: F401
    import mmengine.registry
    from mmdet import registry as mmdet_registry
    from mmdet.utils import register_all_modules

    from mmsgp import registry as mmsgp_registry

    register_all_modules(init_default_scope=False)
    MODELS.import_from_location()
    found = {}
    for module in (mmengine.registry, mmdet_registry, mmsgp_registry):
        for registry in vars(module).values():
            if isinstance(registry, Registry):
                registry.import_from_location()
                found |= {
                    f'{registry.scope}.{name}': part for name, part in registry.module_dict.items()
                }
    return found


def with_hostile_texts(name: str, part: object, payload: str) -> dict:
    """Make a dict that builds a type, with a payload in every possible argument."""
    arguments = {}
    classes = part.__mro__ if inspect.isclass(part) else (part,)
    for owner in classes:
        try:
            parameters = inspect.signature(owner).parameters.values()
        except (ValueError, TypeError):
            continue
        arguments |= {
            p.name: payload
            for p in parameters
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            and (p.default is p.empty or isinstance(p.default, str))
            and p.name not in arguments
        }
    return {**arguments, 'type': name}


def known_holes(cfg: dict) -> list[dict]:
    """List configs that would run code if any registered class could be built."""
    detector = cfg['model']['detector']
    return [
        replaced(
            cfg,
            ('model', 'detector', 'train_cfg', 'rpn', 'assigner'),
            dict(type='mmdet.CameraMotionCompensation', warp_mode=CODE),
        ),
        replaced(cfg, ('model', 'relation_head', '_scope_'), 'canary_module'),
        replaced(
            cfg,
            ('model', 'detector'),
            dict(
                type='mmdet.KnowledgeDistillationSingleStageDetector',
                teacher_config='canary.py',
                backbone=detector['backbone'],
                neck=dict(type='mmdet.FPN', in_channels=[16], out_channels=16, num_outs=1),
                bbox_head=dict(type='mmdet.RetinaHead', num_classes=24, in_channels=16),
            ),
        ),
    ]


def hostile_configs(cfg: dict) -> list[dict]:
    """List all hostile configs, always in the same order."""
    places = [place for place, value in leaves(cfg) if isinstance(value, dict)]
    texts = [place for place, value in leaves(cfg) if isinstance(value, str)]
    numbers = [
        place
        for place, value in leaves(cfg['model'], ('model',))
        if isinstance(value, (int, float))
    ]
    hosts, payloads = cycle(places[1:]), cycle(PAYLOADS)
    return [
        *(
            replaced(cfg, next(hosts), with_hostile_texts(name, part, next(payloads)))
            for name, part in sorted(registered().items())
        ),
        *(replaced(cfg, place, payload) for place in texts for payload in PAYLOADS),
        *(
            replaced(cfg, (*place, key), value)
            for place in places
            for key, value in HOSTILE_KEYS.items()
        ),
        *(replaced(cfg, place, value) for place, value in zip(numbers * 2, cycle(NUMBERS))),
    ]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A sound checkpoint, and files that leave a trace if they are run."""
    folder = tmp_path_factory.mktemp('checkpoints')
    trace = f'{CODE}\nmodel = dict(type="mmdet.RetinaNet")\n'
    (folder / 'canary.py').write_text(trace)
    (folder / 'canary_module').mkdir()
    for name in ('__init__', 'registry'):
        (folder / 'canary_module' / f'{name}.py').write_text(trace)
    (folder / 'canary.pkl').write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    cfg = small_config()
    torch.manual_seed(0)
    model = MODELS.build(Config(dict(model=cfg['model'])).model)
    model.has_priors.fill_(1)
    names = dict(
        classes=[f'class {c}' for c in range(24)], predicates=[f'predicate {p}' for p in range(18)]
    )
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(cfg=text_of(cfg), dataset_meta=names)),
        folder / 'sound.pth',
    )
    return folder


def text_of(cfg: dict) -> str:
    return '\n'.join(f'{key} = {value!r}' for key, value in cfg.items()).replace('nan', '1e999')


def load_all(folder: Path, cfgs: list[dict]) -> list[dict]:
    """Load each config in a process with audit hooks."""
    (folder / 'configs.json').write_text(json.dumps(list(map(text_of, cfgs))))
    root = Path(mmsgp.__file__).parents[1]
    subprocess.run(
        [sys.executable, '-B', str(LOADER), str(folder)],
        check=True,
        env={**os.environ, 'PYTHONPATH': str(root), 'OMP_NUM_THREADS': '1'},
    )
    sound, *results = map(json.loads, (folder / 'results.jsonl').read_text().splitlines())
    assert sound['outcome'] == 'accepted' and sound['graph']['objects']
    assert not sound['suspicions'], 'the auditor has not learnt the usual events'
    return results


def check_harmless(cfgs: list[dict], results: list[dict]) -> None:
    for cfg, result in zip(cfgs, results, strict=True):
        message = result['message']
        assert not result['executed'] and not result['suspicions'], (result, cfg)
        assert result['outcome'] != 'obscure', (message, cfg)
        if result['outcome'] == 'refused':
            assert 'epoch_1.pth' in message and '\n' not in message, (message, cfg)
        assert result['seconds'] < 20, cfg
    outcomes = Counter(result['outcome'] for result in results)
    outcomes['accepted and equal'] = sum(result['equal'] for result in results)
    print(f'\n{len(results)} configs in checkpoints: {dict(outcomes)}')  # noqa: T201


def test_code_of_known_holes_is_not_run(folder):
    cfgs = known_holes(small_config())
    results = load_all(folder, cfgs)
    check_harmless(cfgs, results)
    # The first one is in a part that only training reads.
    assert [result['outcome'] for result in results] == ['accepted', 'refused', 'refused']
    assert results[0]['equal']


def test_a_sample_of_hostile_configs_is_harmless(folder):
    cfgs = list(islice(hostile_configs(small_config()), 7, None, 61))
    assert len(cfgs) > 20
    check_harmless(cfgs, load_all(folder, cfgs))


@pytest.mark.faults
def test_hostile_configs_are_harmless(folder):
    """Every registered type, text, place of a dict and number."""
    cfgs = hostile_configs(small_config())
    assert len(cfgs) > 1500
    check_harmless(cfgs, load_all(folder, cfgs))
