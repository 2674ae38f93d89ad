"""The command mmsgp-infer."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from mmsgp.cli.infer import main


@pytest.fixture
def infer(checkpoint, tmp_path, monkeypatch, capsys):
    """Run the command in this process and return its output."""

    def run(*arguments):
        monkeypatch.setattr(
            sys,
            'argv',
            [
                'mmsgp-infer',
                '--checkpoint',
                str(checkpoint),
                '--device',
                'cpu',
                '--out',
                str(tmp_path / 'out'),
                *map(str, arguments),
            ],
        )
        main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'images'
    path.mkdir()
    generator = np.random.default_rng(0)
    for name in ('a', 'b', 'c'):
        pixels = generator.integers(256, size=(48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path / f'{name}.png')
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_image_is_parsed_drawn_and_printed(infer, folder, tmp_path):
    printed = infer(folder / 'a.png', '--topk', 2)
    assert names(tmp_path / 'out' / 'vis') == ['a.png']
    graph = json.loads((tmp_path / 'out' / 'preds' / 'a.json').read_text())
    assert len(graph['relations']) == 2 and graph['task'] == 'sggen'
    assert graph['relations'][0]['predicate'] in printed
    assert '1 graph written into' in printed


def test_a_folder_is_parsed_in_batches(infer, folder, tmp_path):
    printed = infer(folder, '--batch-size', 2, '--formats', 'dot', 'graphml', '--no-pictures')
    assert names(tmp_path / 'out') == ['preds']
    assert names(tmp_path / 'out' / 'preds') == [
        f'{name}.{suffix}' for name in 'abc' for suffix in ('dot', 'graphml')
    ]
    assert '3 graphs written into' in printed


@pytest.mark.parametrize('named, task', [(True, 'predcls'), (False, 'sgcls')])
def test_objects_are_given_in_a_file(infer, folder, tmp_path, named, task):
    objects = [
        dict(bbox=[1, 2, 30, 40], name='class 3'),
        dict(bbox=[10, 2, 60, 45], name='class 9'),
    ]
    if not named:
        objects = [dict(bbox=item['bbox']) for item in objects]
    file = tmp_path / 'objects.json'
    file.write_text(json.dumps(dict(objects=objects)))
    infer(folder / 'a.png', '--objects', file, '--no-pictures')
    graph = json.loads((tmp_path / 'out' / 'preds' / 'a.json').read_text())
    assert graph['task'] == task
    assert [item['bbox'] for item in graph['objects']] == [item['bbox'] for item in objects]
    if named:
        assert [item['name'] for item in graph['objects']] == ['class 3', 'class 9']


def test_a_parsed_graph_is_a_file_of_objects(infer, folder, tmp_path):
    infer(folder / 'a.png', '--no-pictures')
    detected = tmp_path / 'out' / 'preds' / 'a.json'
    expected = json.loads(detected.read_text())['objects']
    infer(folder / 'a.png', '--no-pictures', '--objects', detected)
    again = json.loads(detected.read_text())
    assert again['task'] == 'predcls'
    assert [item['label'] for item in again['objects']] == [item['label'] for item in expected]


@pytest.mark.parametrize('text', ['{', '{"objects": [{}]}'])
def test_a_wrong_file_of_objects_is_named(infer, folder, tmp_path, text):
    file = tmp_path / 'objects.json'
    file.write_text(text)
    with pytest.raises(SystemExit, match='mmsgp-infer: .*objects.json'):
        infer(folder / 'a.png', '--objects', file)


def test_a_file_of_objects_of_other_images_is_named(infer, folder, tmp_path):
    file = tmp_path / 'objects.json'
    file.write_text(json.dumps([dict(objects=[])]))
    with pytest.raises(SystemExit, match=r'objects.json: .* 1 .* 3\b'):
        infer(folder, '--objects', file)


def test_limits_are_set_by_options(infer, folder, tmp_path, capsys):
    file = tmp_path / 'objects.json'
    file.write_text(json.dumps(dict(objects=[dict(bbox=[1, 2, 30, 40])] * 3)))
    for options, fact in (
        (('--max-pixels', 3000), '64 x 48 pixels'),
        (('--objects', file, '--max-objects', 2), 'max_objects'),
    ):
        with pytest.raises(SystemExit, match='1 of 1 images could not be parsed'):
            infer(folder / 'a.png', '--no-pictures', *options)
        assert fact in capsys.readouterr().err


def test_a_long_file_name_does_not_stop_a_folder(infer, folder, tmp_path):
    for letter in 'äb':
        (folder / 'a.png').with_stem(letter * (125 if letter == 'ä' else 251)).write_bytes(
            (folder / 'a.png').read_bytes()
        )
    infer(folder, '--formats', 'json', 'graphml')
    graphs = [
        json.loads(path.read_text())['image']
        for path in (tmp_path / 'out' / 'preds').glob('*.json')
    ]
    assert sorted(graphs) == sorted(map(str, folder.iterdir()))
    assert len(names(tmp_path / 'out' / 'vis')) == 5


def test_a_link_among_the_pictures_is_replaced_not_followed(infer, folder, tmp_path):
    (tmp_path / 'target').write_text('mine')
    (tmp_path / 'out' / 'vis').mkdir(parents=True)
    (tmp_path / 'out' / 'vis' / 'a.png').symlink_to(tmp_path / 'target')
    infer(folder / 'a.png')
    assert (tmp_path / 'target').read_text() == 'mine'
    assert not (tmp_path / 'out' / 'vis' / 'a.png').is_symlink()
    Image.open(tmp_path / 'out' / 'vis' / 'a.png').load()


def test_a_file_of_objects_names_all_or_none(infer, folder, tmp_path):
    file = tmp_path / 'objects.json'
    file.write_text(
        json.dumps(
            dict(objects=[dict(bbox=[1, 2, 30, 40], name='class 3'), dict(bbox=[10, 2, 60, 45])])
        )
    )
    with pytest.raises(SystemExit, match='objects.json: 1 of 2 '):
        infer(folder / 'a.png', '--objects', file)


def test_a_bad_image_does_not_stop_a_folder(infer, folder, tmp_path, capsys):
    (folder / 'b.png').write_text('no image')
    with pytest.raises(SystemExit, match='1 of 3 images could not be parsed'):
        infer(folder, '--batch-size', 2, '--no-pictures')
    assert names(tmp_path / 'out' / 'preds') == ['a.json', 'c.json']
    printed = capsys.readouterr()
    assert f'{folder / "b.png"} ' in printed.err
    assert '2 graphs' in printed.out


def test_a_missing_image_does_not_stop_the_others(infer, folder, tmp_path, capsys):
    with pytest.raises(SystemExit, match='1 of 2 images could not be parsed'):
        infer(tmp_path / 'none.jpg', folder / 'a.png', '--no-pictures')
    assert names(tmp_path / 'out' / 'preds') == ['a.json']
    assert 'mmsgp-infer: ' + str(tmp_path / 'none.jpg') in capsys.readouterr().err


@pytest.mark.parametrize('name', ['a[/b].jpg', '[red]', ':dog:'])
def test_names_are_printed_as_they_are(infer, folder, tmp_path, name):
    path = tmp_path / name
    path.mkdir(parents=True)
    (folder / 'a.png').rename(path / 'a.png')
    printed = infer(path / 'a.png', '--no-pictures', '--out', path / 'out')
    assert name in printed.partition('the best relations')[0].replace('\n', '')
    assert name in printed.partition('written into')[2].replace('\n', '')


def test_errors_are_one_line(infer, folder, tmp_path):
    config = tmp_path / 'broken.py'
    for text, fact in (
        ('model = dict(', 'broken.py .*SyntaxError'),
        ('model = 1 / 0', 'broken.py .*ZeroDivision'),
        ('x = 1', 'model'),
        ('model = dict()', 'model .*type'),
    ):
        config.write_text(text)
        with pytest.raises(SystemExit, match=f'mmsgp-infer: .*{fact}'):
            infer(folder, '--config', config)
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(SystemExit, match='mmsgp-infer: .*list.pth .*list'):
        infer(folder, '--checkpoint', tmp_path / 'list.pth')


def test_progress_in_a_log_file_counts_failed_images(infer, folder, monkeypatch, capsys):
    monkeypatch.setattr('mmsgp.utils.progress.PERIOD', 0)
    (folder / 'b.png').write_bytes(b'no image')
    with pytest.raises(SystemExit, match='1 of 3'):
        infer(folder)
    lines = [line for line in capsys.readouterr().out.splitlines() if 'parsing images' in line]
    shares = [line.split(' in ')[0] for line in lines]
    assert shares == [
        'parsing images: 33 % (1 of 3)',
        'parsing images: 67 % (2 of 3)',
        'parsing images: 100 % (3 of 3)',
    ]


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['a.png', '--out', 'o'], 'give --model NAME or --checkpoint FILE'),
        (['a.png', '--out', 'o', '--model', 'a', '--config', 'b'], 'not allowed with'),
    ],
)
def test_a_model_or_a_checkpoint_is_needed(arguments, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['mmsgp-infer', *arguments])
    with pytest.raises(SystemExit):
        main()
    assert words in capsys.readouterr().err


def test_a_model_without_weights_is_told_in_a_line(monkeypatch, tmp_path):
    arguments = ['a.png', '--out', str(tmp_path), '--model', 'motifnet_cce_scorer_vg']
    monkeypatch.setattr(sys, 'argv', ['mmsgp-infer', *arguments])
    with pytest.raises(SystemExit, match='^mmsgp-infer: motifnet_cce_scorer_vg has no published'):
        main()
    assert list(tmp_path.iterdir()) == []
