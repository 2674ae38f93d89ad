"""The command mmsgp-infer."""

import json
import shutil
import sys

import h5py
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
    assert names(tmp_path / 'out') == ['preds', 'settings.json']
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
    # A long path goes on in the next line.
    assert name in ''.join(printed.partition('the best relations')[0].split())
    assert name in ''.join(printed.partition('written into')[2].split())


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


def test_a_second_run_goes_on_where_the_first_stopped(infer, folder, tmp_path):
    (folder / 'c.png').rename(tmp_path / 'c.png')
    infer(folder)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out' / 'vis').iterdir()}
    (tmp_path / 'c.png').rename(folder / 'c.png')
    (tmp_path / 'out' / 'preds' / 'b.json').write_text('{"image":')  # broken off
    printed = infer(folder)
    assert '2 graphs written' in printed and '1 images were parsed by an earlier run' in printed
    assert names(tmp_path / 'out' / 'vis') == ['a.png', 'b.png', 'c.png']
    a, b = (path.stat().st_mtime_ns != time for path, time in sorted(before.items()))
    assert (a, b) == (False, True)
    assert json.loads((tmp_path / 'out' / 'preds' / 'b.json').read_text())['relations']
    assert '3 graphs written' in infer(folder, '--overwrite')


def test_other_settings_or_another_image_of_the_name_are_parsed_anew(infer, folder, tmp_path):
    infer(folder / 'a.png', '--no-pictures')
    printed = infer(folder / 'a.png', '--no-pictures', '--topk', 2)
    assert 'other settings (topk)' in printed and '1 graph written' in printed
    other = tmp_path / 'other' / 'a.png'
    other.parent.mkdir()
    other.write_bytes((folder / 'b.png').read_bytes())
    assert '1 graph written' in infer(other, '--no-pictures', '--topk', 2)
    graph = json.loads((tmp_path / 'out' / 'preds' / 'a.json').read_text())
    assert graph['image'] == str(other)


def test_new_weights_of_a_model_of_the_index_are_used(checkpoint, folder, tmp_path, monkeypatch):
    weights, index = tmp_path / 'weights.pth', tmp_path / 'index.yml'
    entry = dict(Name='mine', Config='mmsgp::motifnet_cce_scorer_minivg.py', Weights='weights.pth')
    index.write_text(json.dumps(dict(Models=[entry])))
    monkeypatch.setenv('MMSGP_MODEL_INDEX', str(index))
    arguments = [str(folder), '--model', 'mine', '--no-pictures', '--device', 'cpu']
    monkeypatch.setattr(sys, 'argv', ['mmsgp-infer', *arguments, '--out', str(tmp_path / 'out')])
    parsed = []
    for renewed in (True, False, True):
        if renewed:
            shutil.copy(checkpoint, weights)
        main()
        written = (tmp_path / 'out' / 'preds' / 'a.json').stat().st_mtime_ns
        parsed.append(written)
    assert parsed[0] == parsed[1] != parsed[2]


def test_objects_stay_with_their_images_when_a_run_goes_on(infer, folder, tmp_path):
    boxes = [[1, 2, 30, 40], [3, 4, 40, 45], [5, 6, 50, 47]]
    file = tmp_path / 'objects.json'
    file.write_text(json.dumps([dict(objects=[dict(bbox=box)]) for box in boxes]))
    infer(folder, '--objects', file, '--no-pictures')
    (tmp_path / 'out' / 'preds' / 'b.json').unlink()
    infer(folder, '--objects', file, '--no-pictures')
    for name, box in zip('abc', boxes):
        graph = json.loads((tmp_path / 'out' / 'preds' / f'{name}.json').read_text())
        assert [item['bbox'] for item in graph['objects']] == [box]


def test_sub_folders_are_parsed_and_outputs_are_no_inputs(infer, folder, tmp_path):
    (folder / 'sub').mkdir()
    (folder / 'c.png').rename(folder / 'sub' / 'a.png')
    out = folder / 'parsed'
    for _ in range(2):
        printed = infer(folder, '--out', out, '--overwrite')
        assert '3 graphs written' in printed
    found = sorted(str(path.relative_to(out)) for path in out.rglob('*.json'))
    assert found == ['preds/a.json', 'preds/b.json', 'preds/sub/a.json', 'settings.json']


def test_several_predicates_of_a_pair_come_out(infer, folder, tmp_path):
    infer(folder / 'a.png', '--no-pictures', '--topk', 10000)
    file = tmp_path / 'out' / 'preds' / 'a.json'
    once = json.loads(file.read_text())['relations']
    infer(folder / 'a.png', '--no-pictures', '--topk', 10000, '--predicates-per-pair', 3)
    thrice = json.loads(file.read_text())['relations']
    assert len(thrice) == 3 * len(once) > 0
    scores = [relation['score'] for relation in thrice]
    assert scores == sorted(scores, reverse=True)
    best = {}
    for relation in thrice:
        labels = best.setdefault((relation['subject'], relation['object']), [])
        labels.append(relation['label'])
    assert all(len(set(labels)) == 3 for labels in best.values())
    assert {(r['subject'], r['object']): r['label'] for r in once} == {
        pair: labels[0] for pair, labels in best.items()
    }


def test_the_score_is_chosen_and_all_are_shown(infer, folder, tmp_path):
    printed = infer(folder / 'a.png', '--no-pictures', '--rank-by', 'probability')
    for column in ('score', 'probability', 'significance'):
        assert column in printed
    graph = json.loads((tmp_path / 'out' / 'preds' / 'a.json').read_text())
    for relation in graph['relations']:
        assert relation['score'] == pytest.approx(relation['probability'], abs=2e-6)
        assert 0 <= relation['significance'] <= 1


def test_objects_are_limited_by_number_and_score(infer, folder, tmp_path):
    file = tmp_path / 'out' / 'preds' / 'a.json'
    infer(folder / 'a.png', '--no-pictures', '--topk', 10000)
    everything = json.loads(file.read_text())
    infer(folder / 'a.png', '--no-pictures', '--topk', 10000, '--top-objects', 3)
    graph = json.loads(file.read_text())
    order = sorted(everything['objects'], key=lambda item: -item['score'])
    kept = sorted(item['id'] for item in order[:3])
    assert [item['bbox'] for item in graph['objects']] == [
        everything['objects'][index]['bbox'] for index in kept
    ]
    assert [
        (kept[r['subject']], kept[r['object']], r['label'], r['score']) for r in graph['relations']
    ] == [
        (r['subject'], r['object'], r['label'], r['score'])
        for r in everything['relations']
        if {r['subject'], r['object']} <= set(kept)
    ]
    limit = order[1]['score']
    infer(folder / 'a.png', '--no-pictures', '--object-score-thr', limit - 1e-6)
    assert len(json.loads(file.read_text())['objects']) == 2


@pytest.mark.parametrize(
    'options, fact',
    [
        (('--predicates-per-pair', 0), 'predicates_per_pair .* at least 1'),
        (('--predicates-per-pair', 19), '19, but the model has 18 predicates'),
        (('--top-objects', 0), 'top_objects'),
        (('--object-score-thr', 2), 'object_score_thr .* 0 to 1'),
        (('--font', 'none.ttf'), 'none.ttf'),
    ],
)
def test_impossible_settings_end_in_one_line(infer, folder, options, fact):
    with pytest.raises(SystemExit, match=f'mmsgp-infer: .*{fact}'):
        infer(folder / 'a.png', '--no-pictures', *options)


def test_given_objects_are_not_selected(infer, folder, tmp_path):
    file = tmp_path / 'objects.json'
    file.write_text(json.dumps(dict(objects=[dict(bbox=[1, 2, 30, 40])])))
    with pytest.raises(SystemExit, match='top_objects .* detected objects'):
        infer(folder / 'a.png', '--objects', file, '--top-objects', 3)


def test_features_are_written_for_the_kept_relations(infer, folder, tmp_path):
    file = tmp_path / 'features.h5'
    infer(folder, '--no-pictures', '--topk', 4, '--features', file)
    with h5py.File(file) as features:
        assert sorted(features) == ['a', 'b', 'c']
        assert len(features.attrs['classes']) == 24 and len(features.attrs['predicates']) == 18
        for name in 'abc':
            graph = json.loads((tmp_path / 'out' / 'preds' / f'{name}.json').read_text())
            group = features[name]
            assert group.attrs['image'] == graph['image'] and group.attrs['task'] == 'sggen'
            assert group['object_features'].shape == (len(graph['objects']), 256)
            assert group['relation_features'].shape == (4, 256)
            assert group['relation_pairs'][()].tolist() == [
                [relation['subject'], relation['object']] for relation in graph['relations']
            ]
    assert '0 graphs written' in infer(folder, '--no-pictures', '--topk', 4, '--features', file)
    with h5py.File(file, 'a') as features:
        del features['b']
    assert '1 graph written' in infer(folder, '--no-pictures', '--topk', 4, '--features', file)
