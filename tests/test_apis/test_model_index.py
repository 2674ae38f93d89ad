"""A name leads to the config and the weights of a model."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from mmengine.infer import BaseInferencer

from helpers.weights_server import serving
from mmsgp.apis import SceneGraphInferencer
from mmsgp.apis.model_index import cache_folder, read_index, resolve_model, write_entry
from mmsgp.checkpoint import download as download_module
from mmsgp.checkpoint.download import sha256_of

ROOT = Path(__file__).parents[2]
OWN = ROOT / 'configs/model-index.yml'
CONFIG = 'mmsgp::motifnet_cce_scorer_minivg.py'


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test sees the user's cache, or an index of the user."""
    monkeypatch.setenv('MMSGP_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('MMSGP_MODEL_INDEX', str(tmp_path / 'mine.yml'))
    monkeypatch.setattr(download_module, 'PAUSE', 0)
    write_entry(tmp_path / 'mine.yml', dict(Name='empty', Config=CONFIG))


@pytest.fixture
def list_model(checkpoint, tmp_path):
    """A function that writes an entry for the checkpoint into the user's index."""

    def write(**changes):
        entry = dict(Name='mine', Config=CONFIG, SHA256=sha256_of(checkpoint), **changes)
        write_entry(tmp_path / 'mine.yml', entry)

    return write


def test_every_entry_of_the_own_index_has_a_config_that_exists():
    entries = read_index(OWN)
    assert 'motifnet_cce_scorer_vg' in [entry['Name'] for entry in entries]
    for entry in entries:
        config, _ = resolve_model(entry['Name'], 'any.pth')
        assert Path(config) == ROOT / 'configs' / f'{entry["Name"]}.py'


def test_the_own_index_has_the_figures_of_the_model_zoo():
    zoo = (ROOT / 'docs/model_zoo.md').read_text()
    for entry in read_index(OWN):
        for result in entry.get('Results', ()):
            cells = ' | '.join(f'{value:.2f}' for value in result['Metrics'].values())
            assert re.search(rf'{result["Task"]} \| .* \| {re.escape(cells)} \|', zoo)


def test_a_model_is_parsed_with_by_name(checkpoint, tmp_path, list_model):
    image = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    with serving(checkpoint.read_bytes()) as server:
        server.breaks = 1
        list_model(Weights=server.url, Size=checkpoint.stat().st_size)
        parse = SceneGraphInferencer('mine', device='cpu', show_progress=False)
    expected = SceneGraphInferencer(CONFIG, checkpoint, 'cpu', show_progress=False)
    assert parse(image)['predictions'] == expected(image)['predictions']
    # The second time without the server.
    _, weights = resolve_model('mine')
    assert Path(weights).parent == tmp_path / 'home' / 'checkpoints'
    assert Path(weights).read_bytes() == checkpoint.read_bytes()


def test_weights_in_a_folder_are_used_where_they_are(checkpoint, tmp_path, list_model):
    (tmp_path / 'shared').mkdir()
    shutil.copy(checkpoint, tmp_path / 'shared/a.pth')
    list_model(Weights='shared/a.pth')
    assert resolve_model('mine')[1] == str(tmp_path / 'shared/a.pth')
    with (tmp_path / 'shared/a.pth').open('ab') as file:
        file.write(b'more')
    with pytest.raises(ValueError, match=r'shared/a\.pth has the SHA-256 .*mine'):
        resolve_model('mine')


def test_given_weights_take_the_place_of_the_listed_ones():
    config, weights = resolve_model('motifnet_cce_scorer_vg', 'my.pth')
    assert config == str(ROOT / 'configs/motifnet_cce_scorer_vg.py') and weights == 'my.pth'
    # A config without an entry has a name, too.
    assert resolve_model('linknet_ce_vg', 'my.pth')[0] == str(ROOT / 'configs/linknet_ce_vg.py')


@pytest.mark.parametrize(
    'name, words',
    [
        ('motifnet_cce_scorer_vgg', "'motifnet_cce_scorer_vgg'.*motifnet_cce_scorer_vg or"),
        ('qqq', "'qqq': the index has empty, motifnet_ce_minivg"),
        (
            'motifnet_cce_scorer_vg',
            'no published weights.*mmsgp-train mmsgp::motifnet_cce_scorer_vg',
        ),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(name, words):
    with pytest.raises(ValueError, match=words) as info:
        SceneGraphInferencer(name)
    assert '\n' not in str(info.value)


def test_the_weights_of_the_demo_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr('mmsgp.apis.model_index.home', lambda: tmp_path)
    (tmp_path / 'configs').mkdir()
    shutil.copy(OWN, tmp_path / 'configs')
    with pytest.raises(FileNotFoundError, match='motifnet_cce_scorer_minivg.*make demo makes'):
        resolve_model('motifnet_cce_scorer_minivg')
    weights = tmp_path / 'work_dirs/motifnet_cce_scorer_minivg/epoch_4.pth'
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert resolve_model('motifnet_cce_scorer_minivg')[1] == str(weights)


@pytest.mark.parametrize(
    'text, words',
    [
        ('Models: [{Name: a}]', 'KeyError.*Config'),
        ('Models: [{Name: a, Config: b.py, Weights: "http://h/a.pth"}]', 'a: .*SHA256'),
        ('Models: [{Name: a, Config: b.py, SHA256: 12}]', 'a: SHA256 .*64'),
        ('Models: [{Name: a, Config: b.py, Weights: [1]}]', 'a: Weights'),
        ('Models: [{Name: 1, Config: b.py}]', 'Name must be a text'),
        ('Models: 3', 'TypeError'),
        ('- a', 'TypeError'),
        ('Models: {', 'ParserError'),
    ],
)
def test_an_index_with_mistakes_is_named(tmp_path, text, words):
    (tmp_path / 'mine.yml').write_text(text)
    with pytest.raises(ValueError, match=rf'mine\.yml is not a model index.*{words}') as info:
        resolve_model('a')
    assert '\n' not in str(info.value)


def test_an_index_that_does_not_exist_is_named(tmp_path):
    (tmp_path / 'mine.yml').unlink()
    with pytest.raises(FileNotFoundError, match=r'mine\.yml'):
        resolve_model('motifnet_cce_scorer_vg')


def test_an_entry_takes_the_place_of_its_namesake(tmp_path):
    path = tmp_path / 'new' / 'model-index.yml'
    write_entry(path, dict(Name='a', Config='a.py'))
    path.write_text('# Ours.\n\n' + path.read_text())
    write_entry(path, dict(Name='b', Config='b.py'))
    write_entry(path, dict(Name='a', Config='c.py'))
    assert path.read_text().startswith('# Ours.\n\nModels:\n')
    assert [(e['Name'], e['Config']) for e in read_index(path)] == [('b', 'b.py'), ('a', 'c.py')]


@pytest.mark.parametrize(
    'variables, expected',
    [
        (dict(MMSGP_HOME='/a'), '/a/checkpoints'),
        (dict(XDG_CACHE_HOME='/b'), '/b/mmsgp/checkpoints'),
        (dict(HOME='/c'), '/c/.cache/mmsgp/checkpoints'),
    ],
)
def test_the_folder_of_downloads_can_be_chosen(monkeypatch, variables, expected):
    for name in ('MMSGP_HOME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_a_checkpoint_is_published_with_its_entry(checkpoint, tmp_path, run_tool):
    metrics = tmp_path / 'metrics.json'
    metrics.write_text('{"predcls/mR@20": 12.5, "predcls/R@all": 50.25, "sggen/R@20": 7.0}')
    target, index = tmp_path / 'models/a.pth', tmp_path / 'models/model-index.yml'
    run_tool(
        'model_converters/publish_model',
        *(checkpoint, target, '--index', index, '--config', CONFIG, '--metrics', metrics),
    )
    (entry,) = yaml.safe_load(index.read_text())['Models']
    assert entry == dict(
        Name='a',
        Config=CONFIG,
        Weights='a.pth',
        SHA256=sha256_of(target),
        Size=target.stat().st_size,
        Results=[
            dict(Task='PredCls', Metrics={'mR@20': 12.5, 'R@all': 50.25}),
            dict(Task='SGGen', Metrics={'R@20': 7.0}),
        ],
    )


def test_a_published_model_is_found_by_its_name(checkpoint, tmp_path, run_tool, monkeypatch):
    target, index = tmp_path / 'a.pth', tmp_path / 'mine.yml'
    options = ['--index', index, '--config', CONFIG, '--name', 'published']
    run_tool('model_converters/publish_model', checkpoint, target, *options)
    assert resolve_model('published')[1] == str(target)
    with serving(target.read_bytes()) as server:
        options += ['--url', server.url]
        run_tool('model_converters/publish_model', checkpoint, target, *options)
        server.data = target.read_bytes()
        assert Path(resolve_model('published')[1]).read_bytes() == server.data


def test_an_entry_needs_its_config(checkpoint, tmp_path, run_tool, capsys):
    with pytest.raises(SystemExit):
        run_tool(
            'model_converters/publish_model', checkpoint, tmp_path / 'a.pth', '--index', 'i.yml'
        )
    assert '--config' in capsys.readouterr().err
    assert not (tmp_path / 'a.pth').exists()


def test_mmengine_lists_the_models():
    assert 'motifnet_cce_scorer_vg' in BaseInferencer.list_models('mmsgp')
