"""The report, driven as a reader does, without a network."""

import csv
import json
import re

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmsgp.evaluation import DumpPredictions, SceneGraphMetric
from mmsgp.reporting.html import ReportedRun, write_report
from mmsgp.reporting.html.gallery import choose_images, gallery
from mmsgp.reporting.html.tables import config_differences, metric_table
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)

META = dict(
    classes=tuple('abcde'),
    predicates=('on', 'near', 'of </script>', 'in'),
    predicate_train_counts=[3, 90, 20, 1],
    palette=[(250, 0, 0), (0, 250, 0), (0, 0, 250), (9, 9, 9), (99, 9, 9)],
)


def make_run(folder, seed, num_images=10):
    """A work directory as tools/train.py and tools/test.py leave it."""
    generator = torch.Generator().manual_seed(seed)
    metric = SceneGraphMetric(output_dir=str(folder), classwise=False)
    dump = DumpPredictions(str(folder / 'predictions.h5'))
    metric.dataset_meta = dump.dataset_meta = META
    for i in range(num_images):
        gt = random_scene_graph(torch.Generator().manual_seed(i), num_predicates=3)
        predictions = {
            task: random_prediction(generator, gt, num_predicates=3)
            for task in ('predcls', 'sggen')
        }
        path = folder / f'{i}.png'
        mmcv.imwrite(np.full((64, 64, 3), 25 * i, np.uint8), str(path))
        sample = {**predicted_sample(i, gt, **predictions).to_dict(), 'img_path': str(path)}
        metric.process({}, [sample])
        dump.process({}, [sample])
    metric.evaluate(num_images)
    dump.evaluate(num_images)
    scalars = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    scalars.write_text(
        ''.join(
            json.dumps(dict(iter=i, epoch=1, loss=seed / i, time=0.25, data_time=0.125)) + '\n'
            for i in (1, 2)
        )
    )
    test = folder / '20260102_000000' / '20260102_000000.json'
    test.parent.mkdir()
    test.write_text(json.dumps(dict(time=0.0625, data_time=0.5)))
    (folder / 'config.py').write_text(f'model = dict(seed={seed}, depth=1)')
    return folder


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp('runs')
    return [make_run(root / name, seed) for seed, name in enumerate(('first', 'second'), 1)]


@pytest.fixture(scope='module')
def report(folders, tmp_path_factory):
    path = tmp_path_factory.mktemp('report') / 'report.html'
    runs = [
        ReportedRun(name, folder) for name, folder in zip(('cross-entropy', 'CCE <b>'), folders)
    ]
    write_report(runs, path, num_pictures=1)
    return path


@pytest.fixture
def opened(browser, report):
    """The report in a browser without a network, and what it complained of."""
    context = browser.new_context(offline=True)
    page, trouble = context.new_page(), []
    page.on('console', lambda message: trouble.append(message.text))
    page.on('pageerror', lambda error: trouble.append(str(error)))
    page.on('requestfailed', lambda request: trouble.append(request.url))
    asked = []
    page.on('request', lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    yield page
    context.close()
    assert not trouble
    assert [url for url in asked if not url.startswith('data:')] == [report.as_uri()]


def rows_of(page):
    return [row.get_attribute('data-predicate') for row in page.locator('#chart .row').all()]


def recall_of(folder, task, k):
    with open(folder / f'per_class_recall_{task}.csv', newline='') as file:
        return {
            row['predicate']: float(row[f'recall@{k}'] or 'nan') for row in csv.DictReader(file)
        }


def test_every_number_is_that_of_metrics_json(opened, folders):
    cells = opened.locator('td[data-key]').evaluate_all(
        'cells => cells.map(cell => [cell.dataset.run, cell.dataset.key, '
        'cell.dataset.value, cell.innerText])'
    )
    shown = {(int(run), key): (value, text) for run, key, value, text in cells}
    assert len(cells) == len(shown), 'a metric is shown twice'
    for run, folder in enumerate(folders):
        metrics = {
            key: value
            for key, value in json.loads((folder / 'metrics.json').read_text()).items()
            if '@' in key
        }
        assert metrics.keys() == {key for r, key in shown if r == run}
        for key, value in metrics.items():
            text = '–' if value is None else f'{value:.2f}'
            exact = '' if value is None else repr(value)
            assert shown[run, key] == (exact, text)


def test_bars_are_the_recall_of_predicates(opened, folders):
    opened.select_option('#task', 'sggen')
    opened.select_option('#threshold', '20')
    assert rows_of(opened) == ['near', 'of </script>', 'on', 'in']
    for run, folder in enumerate(folders):
        bars = opened.locator(f'#chart .run{run}').evaluate_all(
            'bars => bars.map(bar => [bar.parentNode.dataset.predicate, '
            'Number(bar.dataset.value), Number(bar.getAttribute("width"))])'
        )
        recall = recall_of(folder, 'sggen', 20)
        assert {name: value for name, value, _ in bars} == {
            name: value for name, value in recall.items() if value == value
        }
        longest = max(bars, key=lambda bar: bar[1])
        for _, value, width in bars:
            assert width == pytest.approx(longest[2] * value / longest[1])
    assert opened.locator('#chart').get_by_text('not in this split').count() == 1


def test_predicates_are_sorted_and_filtered(opened, folders):
    first, second = (recall_of(folder, 'predcls', 100) for folder in folders)
    opened.select_option('#order', 'recall 1')
    assert rows_of(opened)[:3] == sorted(
        ('near', 'of </script>', 'on'), key=lambda name: -second[name]
    )
    opened.select_option('#order', 'change 1')
    assert rows_of(opened)[:3] == sorted(
        ('near', 'of </script>', 'on'), key=lambda name: first[name] - second[name]
    )
    opened.select_option('#order', 'name')
    assert rows_of(opened) == ['in', 'near', 'of </script>', 'on']
    opened.fill('#filter', 'N')
    assert rows_of(opened) == ['in', 'near', 'on']
    opened.fill('#least', '1')
    assert rows_of(opened) == ['near', 'on']
    assert opened.inner_text('#shown') == '2 of 4 predicates'


def test_pointing_at_a_predicate_tells_its_numbers(opened, folders):
    opened.locator('#chart .row').nth(2).hover()
    text = opened.inner_text('#tooltip')
    recall = recall_of(folders[1], 'predcls', 100)['on']
    assert text.startswith('on\n3 relations in training')
    assert f'CCE <b>: {recall:.2f} %' in text
    opened.mouse.move(0, 0)
    assert not opened.is_visible('#tooltip')


def test_figures_and_pictures_are_in_the_page(opened):
    sizes = opened.locator('img').evaluate_all('images => images.map(image => image.naturalWidth)')
    # distribution, change, 2 confusion matrices, curves, 2 x 3 pictures
    assert len(sizes) == 11 and min(sizes) > 300
    captions = opened.locator('figcaption').all_inner_texts()
    recall = [float(re.search(r': ([\d.]+) %', text)[1]) for text in captions]
    for run in (recall[:3], recall[3:]):
        assert run == sorted(run, reverse=True) and run[0] > run[2]
    assert '0.0625' in opened.inner_text('#timings')
    assert 'seed' in opened.inner_text('#configuration')


def test_pictures_say_what_they_count(folders, tmp_path):
    runs = [ReportedRun('first', folders[0])]
    note = 'drawn are the 12 best predictions'
    for k in (12, 20):
        write_report(runs, tmp_path / 'report.html', k=k, num_pictures=1)
        text = (tmp_path / 'report.html').read_text()
        assert text.count(f', recall@{k}: ') == text.count('<figcaption>') > 0
        assert (note in text) == (k > 12)


def test_pictures_have_the_colours_of_the_data_set(folders):
    picture = draw_worst(folders[0])
    colors = {tuple(color) for color in np.unique(picture.reshape(-1, 3), axis=0)}
    assert colors & set(META['palette'])


def test_predictions_kept_without_a_palette_are_drawn(folders, tmp_path, monkeypatch):
    monkeypatch.delitem(META, 'palette')
    assert draw_worst(make_run(tmp_path / 'old', 1, num_images=3)).ndim == 3


def test_pictures_show_the_pixels_that_boxes_are_on(tmp_path):
    """Upright, or as the image lies in its file, where only there the boxes fit."""
    folder = make_run(tmp_path / 'run', 1, num_images=3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    pixels = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    # boxes reach to 64: upright, the second is 32 wide
    for lying, expected in ((pixels, np.rot90(pixels, -1)), (pixels[:32], pixels[:32])):
        for turn, image in ((True, lying), (False, expected)):
            for path in folder.glob('*.png'):
                Image.fromarray(image).save(path, **(dict(exif=exif) if turn else {}))
            if turn:
                drawn = draw_worst(folder)
        np.testing.assert_array_equal(drawn, draw_worst(folder))


def test_what_the_check_of_the_data_found_is_shown(tmp_path, folders):
    folder = make_run(tmp_path / 'run', 1)
    finding = dict(
        check='leakage', severity='error', count=2, message='2 images <b> twice', examples=[]
    )
    facts = dict(splits=dict(train=dict(images=37, boxes=8, relations=9, most_boxes=5)))
    (folder / 'dataset_check.json').write_text(json.dumps(dict(facts=facts, findings=[finding])))
    runs = [ReportedRun('new', folder), ReportedRun('old', folders[0])]
    write_report(runs, tmp_path / 'report.html', num_pictures=0)
    text = (tmp_path / 'report.html').read_text()
    assert 'leakage: 2 images &lt;b&gt; twice' in text and '>37</td>' in text
    assert f'CONFIG --json {folders[0]}/dataset_check.json' in text


def draw_worst(folder):
    run = ReportedRun('run', folder)
    return gallery(run.predictions, run.ranks, 'predcls', 20, 1)['worst'][0].drawn


def test_a_narrow_screen_scrolls_tables_alone(browser, folders, tmp_path):
    name = 'motifnet_cce_scorer_faster_rcnn_r50_fpn_minivg'
    write_report(
        [ReportedRun(f'{name}_{i}', folder) for i, folder in enumerate(folders)],
        tmp_path / 'report.html',
        num_pictures=1,
    )
    context = browser.new_context(viewport=dict(width=400, height=800))
    page = context.new_page()
    page.goto((tmp_path / 'report.html').as_uri())
    assert page.evaluate('document.documentElement.scrollWidth') <= 400
    first = page.locator('td[data-key]').first.bounding_box()
    assert first['x'] + first['width'] <= 400, 'no number is in view'
    context.close()


def test_bars_of_many_runs_differ_in_colour(browser, folders, tmp_path):
    write_report(
        [ReportedRun(str(i), folders[0]) for i in range(8)],
        tmp_path / 'report.html',
        num_pictures=0,
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / 'report.html').as_uri())
    for parts, color in (
        ('#legend i', 'backgroundColor'),
        ('#chart .row:nth-of-type(1) .bar', 'fill'),
    ):
        colors = page.locator(parts).evaluate_all(
            f'parts => parts.map(part => getComputedStyle(part).{color})'
        )
        assert len(colors) == len(set(colors)) == 8
    context.close()


def test_a_run_with_nothing_but_its_test_says_what_to_do(folders, tmp_path):
    bare = tmp_path / 'bare'
    bare.mkdir()
    for path in folders[0].glob('*.*'):
        if path.suffix in ('.json', '.csv'):
            (bare / path.name).write_bytes(path.read_bytes())
    write_report([ReportedRun('bare', bare)], tmp_path / 'report.html')
    text = (tmp_path / 'report.html').read_text()
    for advice in (
        f'--out {bare}/predictions.h5',
        'kept no predicted predicates',
        f'no training log is in <code>{bare}',
        'No config lies there',
    ):
        assert advice in text


def test_the_tool_writes_beside_the_run(run_tool, folders, capsys):
    run_tool('analysis_tools/report', folders[0], '--num-pictures', 1)
    assert 'report.html' in capsys.readouterr().out
    assert '<title>first</title>' in (folders[0] / 'report.html').read_text()


def test_what_cannot_be_reported_is_named(folders, tmp_path):
    with pytest.raises(FileNotFoundError, match='metrics.json.*--out'):
        ReportedRun('none', tmp_path)
    (tmp_path / 'metrics.json').write_text('{')
    with pytest.raises(ValueError, match='metrics.json is damaged'):
        ReportedRun('none', tmp_path)
    (tmp_path / 'metrics.json').write_text('{"sgcls/R@20": 1.0}')
    runs = [ReportedRun('a', folders[0]), ReportedRun('b', tmp_path)]
    with pytest.raises(ValueError, match='no task that all runs have'):
        write_report(runs, tmp_path / 'report.html')


def test_a_broken_config_is_reported_in_a_line(run_tool, tmp_path):
    folder = make_run(tmp_path / 'run', 1, num_images=3)
    (folder / 'config.py').write_text('model = dict(')
    with pytest.raises(SystemExit, match='config.py.*: SyntaxError'):
        run_tool('analysis_tools/report', folder, '--num-pictures', 0)


def test_predictions_of_another_test_are_refused(folders, tmp_path):
    other = make_run(tmp_path / 'other', 3, num_images=4)
    (folders[0] / 'predictions.h5').rename(tmp_path / 'kept.h5')
    (other / 'predictions.h5').rename(folders[0] / 'predictions.h5')
    with pytest.raises(ValueError, match='predictions.h5 and ranks.npz'):
        write_report([ReportedRun('a', folders[0])], tmp_path / 'report.html')
    (tmp_path / 'kept.h5').rename(folders[0] / 'predictions.h5')


def test_only_unlike_values_have_a_best(folders):
    runs = [ReportedRun(str(i), folder) for i, folder in enumerate(folders)]
    for run, value in zip(runs, (1.0, 2.0)):
        run.summary.clear()
        run.summary.update({'sgcls/R@all': value, 'sgcls/R@5': 3.0, 'sgcls/zR@20': None})
    table = metric_table(runs, 'sgcls')
    assert table['columns'] == ['5', '20', 'all']
    best = [[cell and cell['best'] for cell in row] for row in table['metrics']['R']]
    assert best == [[False, None, False], [False, None, True]]
    assert table['metrics']['zR'][0][1]['value'] is None


def test_chosen_images_are_different():
    recall = np.array([50, 100, 0, 100, 50, 0, 70])
    sizes = np.array([1, 2, 3, 4, 5, 6, 7])
    chosen = choose_images(recall, sizes, 2)
    assert {kind: found.tolist() for kind, found in chosen.items()} == {
        'best': [3, 1],
        'median': [6, 0],
        'worst': [5, 2],
    }
    chosen = choose_images(recall[:3], sizes[:3], 2)
    assert {kind: len(found) for kind, found in chosen.items()} == {
        'best': 2,
        'median': 0,
        'worst': 1,
    }


def test_settings_that_differ_are_listed():
    rows = config_differences(
        [
            Config(dict(lr=1, steps=[dict(type='A', end=2), dict(type='B')])),
            Config(dict(lr=1, steps=[dict(type='A', end=3)], amp=True)),
            None,
        ]
    )
    assert ['steps.0.end', '2', '3', ''] in rows
    assert ['amp', '', 'True', ''] in rows
