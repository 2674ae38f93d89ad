"""The page in a headless Chromium."""

import argparse
import io
import json
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.page import scene
from mmsgp.apis import SceneGraphInferencer
from mmsgp.visualization import draw_scene_graph

pytest.importorskip('gradio', reason='pip install -r requirements/demo.txt')

ROWS = '#table .virtual-row'


@pytest.fixture(scope='module')
def image_file(folder):
    (folder / 'scene.png').write_bytes(scene())
    return folder / 'scene.png'


@pytest.fixture
def parsed(opened, image_file):
    """The page with the image dropped and parsed."""
    upload(opened, image_file)
    opened.wait_for_selector(f'{ROWS} >> nth=0')
    return opened


@pytest.fixture(scope='module')
def expected(checkpoints, image_file):
    """The first model's result for the image, without the page."""
    inferencer = SceneGraphInferencer(weights=checkpoints[0], device='cpu', show_progress=False)
    (result,) = inferencer.stream(image_file, return_datasamples=True)
    (graph,) = inferencer(image_file)['predictions']
    return dict(graph=graph, meta=inferencer.model.dataset_meta, sample=result['predictions'])


def upload(page, path):
    page.set_input_files('#image input[type=file]', path)


def set_slider(page, name, value):
    page.fill(f'#{name} input[type=number]', str(value))
    page.press(f'#{name} input[type=number]', 'Enter')


def wait_for_rows(page, number):
    page.wait_for_function(
        '([rows, number]) => document.querySelectorAll(rows).length == number', arg=[ROWS, number]
    )


def picture(page):
    """The shown picture as an array."""
    response = page.request.get(page.get_attribute('#picture img', 'src'))
    return np.asarray(Image.open(io.BytesIO(response.body())).convert('RGB'))


def wait_for_another_picture(page, source):
    page.wait_for_function(
        "source => document.querySelector('#picture img')?.src != source", arg=source
    )


def source(page):
    return page.evaluate("document.querySelector('#picture img').src")


def draw(expected, image_file, **kwargs):
    return draw_scene_graph(
        np.asarray(Image.open(image_file)),
        expected['sample'].pred_scene_graphs['sggen'],
        expected['meta']['classes'],
        expected['meta']['predicates'],
        **kwargs,
    )


def test_an_image_becomes_boxes_a_graph_and_a_table(parsed, expected, image_file):
    number = min(12, len(expected['graph']['relations']))
    assert number > 3, 'too few relations prove nothing'
    assert f'{number} relations shown' in parsed.inner_text('#status')
    np.testing.assert_array_equal(picture(parsed), draw(expected, image_file, topk=12))
    wait_for_rows(parsed, number)
    shown = [parsed.inner_text(f'[data-testid=cell-{row}-2]').strip() for row in range(number)]
    assert shown == [relation['predicate'] for relation in expected['graph']['relations'][:number]]
    scores = [parsed.inner_text(f'[data-testid=cell-{row}-4]').strip() for row in range(number)]
    assert scores == [
        f'{relation["score"]:.3f}' for relation in expected['graph']['relations'][:number]
    ]
    assert parsed.errors == []


def test_no_label_covers_the_picture(parsed):
    assert parsed.is_visible('h3:has-text("Boxes and graph")')
    covering = parsed.evaluate("""() => {
        const area = document.querySelector('#picture');
        return [...area.querySelectorAll('label, [data-testid=block-label]')]
            .map(label => label.getBoundingClientRect())
            .filter(box => box.width > 1 && box.height > 1).length }""")
    assert covering == 0


def test_moved_sliders_hide_relations(parsed, expected, image_file):
    before = source(parsed)
    set_slider(parsed, 'topk', 3)
    wait_for_rows(parsed, 3)
    wait_for_another_picture(parsed, before)
    np.testing.assert_array_equal(picture(parsed), draw(expected, image_file, topk=3))
    scores = [relation['score'] for relation in expected['graph']['relations']]
    threshold = np.ceil(100 * scores[1]) / 100
    set_slider(parsed, 'score-thr', threshold)
    wait_for_rows(parsed, len([score for score in scores[:3] if score >= threshold]))


def test_the_score_and_the_predicates_per_pair_are_chosen(parsed, expected):
    graph = expected['sample'].pred_scene_graphs['sggen']
    relations, scores = graph.relations, graph.objects.scores
    probability = scores[relations.pairs].prod(dim=1) * relations.predicate_scores
    parsed.click('#rank-by input')
    before = source(parsed)
    parsed.click('[role=option]:has-text("probability")')
    wait_for_another_picture(parsed, before)
    for column in (4, 5):
        shown = parsed.inner_text(f'[data-testid=cell-0-{column}]')
        assert float(shown) == pytest.approx(probability.max().item(), abs=6e-4)
    set_slider(parsed, 'per-pair', 5)
    set_slider(parsed, 'topk', 30)
    assert len(relations) > 3
    number = min(30, 5 * len(relations))
    parsed.wait_for_selector(f'#status:has-text("{number} relations shown")')
    assert parsed.errors == []


def test_a_score_that_the_model_lacks_is_refused_in_words(app, checkpoints, worker, image_file):
    page = app.make_page(app.name_models(checkpoints), worker, 'cpu')
    on_image = next(event.fn for event in page.fns.values() if event.fn.__name__ == 'on_image')
    model = list(app.name_models(checkpoints))[1]  # it has no Scorer
    parsed, status, picture, table, _ = on_image(str(image_file), model, 12, 0, 'significance')
    assert 'needs a scorer' in status and picture is None and table == []
    _, status, _, table, _ = on_image(str(image_file), model, 12, 0, 'probability', 2, 0.0)
    assert 'relations shown' in status
    assert table and all(row[4] != '' != row[5] and row[6] == '' for row in table)


def test_a_clicked_relation_is_highlighted(parsed, expected, image_file):
    before = source(parsed)
    parsed.click('[data-testid=cell-1-2]')
    wait_for_another_picture(parsed, before)
    np.testing.assert_array_equal(picture(parsed), draw(expected, image_file, topk=12, highlight=1))


def test_the_graph_is_downloaded(parsed, expected, tmp_path):
    set_slider(parsed, 'topk', 4)
    wait_for_rows(parsed, 4)
    with parsed.expect_download() as download:
        parsed.click('#download')
    assert download.value.suggested_filename == 'scene_graph.json'
    download.value.save_as(tmp_path / 'graph.json')
    graph = json.loads((tmp_path / 'graph.json').read_text())
    assert graph['image'] == 'scene.png'
    assert graph['objects'] == expected['graph']['objects']
    assert graph['relations'] == expected['graph']['relations'][:4]


def test_another_model_is_chosen(parsed, app, checkpoints):
    before = source(parsed)
    parsed.click('#model input')
    parsed.click(f'[role=option]:has-text("{checkpoints[1].stem}")')
    wait_for_another_picture(parsed, before)


def test_a_broken_file_is_refused(parsed, folder):
    (folder / 'broken.jpg').write_text('no image')
    parsed.click('#image [aria-label=Clear]')
    parsed.wait_for_selector('#status:has-text("Drop an image")')
    upload(parsed, folder / 'broken.jpg')
    parsed.wait_for_selector('#status:has-text("broken.jpg")')
    assert not parsed.query_selector('#picture img')
    assert parsed.is_disabled('#download')


def test_a_damaged_file_is_named_without_its_path(opened, folder, image_file):
    Image.open(image_file).save(folder / 'whole.jpg')
    content = (folder / 'whole.jpg').read_bytes()
    # The part from which Pillow reads the size.
    (folder / 'cut.jpg').write_bytes(content[: content.index(b'\xff\xda')])
    upload(opened, folder / 'cut.jpg')
    opened.wait_for_selector('#status:has-text("cut.jpg")')
    assert opened.inner_text('#status').strip().startswith('cut.jpg ')


def test_models_of_the_same_name_get_different_names(app):
    paths = [Path(f'/{run}/motifnet/epoch_4.pth') for run in 'ab']
    assert app.name_models(paths) == {
        'a/motifnet/epoch_4': paths[0],
        'b/motifnet/epoch_4': paths[1],
    }
    assert app.name_models(paths[:1]) == {'motifnet/epoch_4': paths[0]}


def test_a_large_file_is_refused(opened, folder):
    noise = np.random.default_rng(0).integers(256, size=(800, 800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / 'large.png')
    assert (folder / 'large.png').stat().st_size > 2**20
    upload(opened, folder / 'large.png')
    opened.wait_for_selector('text=/exceed the maximum allowed size/')
    assert not opened.query_selector('#picture img')


def test_an_image_of_too_many_pixels_is_refused(app, checkpoints, worker, folder):
    Image.new('L', (300, 200)).save(folder / 'vast.png')
    page = app.make_page(app.name_models(checkpoints), worker, 'cpu', max_pixels=50_000)
    on_image = next(event.fn for event in page.fns.values() if event.fn.__name__ == 'on_image')
    model = next(iter(app.name_models(checkpoints)))
    parsed, status, *_ = on_image(str(folder / 'vast.png'), model, 12, 0)
    assert parsed is None and status.startswith('**vast.png has 300 x 200 pixels')


def test_no_other_machine_is_contacted(app, checkpoints, worker, monkeypatch):
    reached, connect = [], socket.socket.connect
    monkeypatch.setattr(
        socket.socket,
        'connect',
        lambda self, where: (reached.append(where), connect(self, where))[1],
    )
    page = app.make_page(app.name_models(checkpoints), worker, 'cpu')
    try:
        address = app.launch(page, 2**20, app.LOOPBACK)
    finally:
        page.close()
    assert address.startswith('http://127.0.0.1:')
    assert {where[0] for where in reached} <= {'127.0.0.1'}


def run_main(app, monkeypatch, *arguments):
    """The arguments that the command gives to Gradio's launch."""
    launched = {}
    monkeypatch.setattr(sys, 'argv', ['app.py', *map(str, arguments)])
    monkeypatch.setattr(
        app.gr.Blocks,
        'launch',
        lambda self, **kwargs: (launched.update(kwargs), (None, 'http://here', None))[1],
    )
    monkeypatch.setattr(app.gr.Blocks, 'block_thread', lambda self: None)
    app.main()
    return launched


def test_only_this_machine_is_served_by_default(app, checkpoints, monkeypatch, capsys):
    launched = run_main(app, monkeypatch, checkpoints[0])
    assert capsys.readouterr().out.splitlines()[-1] == 'The page is at http://here'
    assert launched['quiet'] is True
    assert launched['server_name'] == '127.0.0.1'
    assert launched['share'] is False
    assert launched['max_file_size'] == 10 * 2**20


def test_the_last_epoch_of_the_demo_is_taken(app, checkpoints, tmp_path, monkeypatch):
    work_dir = tmp_path / app.DEMO_MODELS[0]
    work_dir.mkdir()
    for epoch in (9, 10):
        (work_dir / f'epoch_{epoch}.pth').write_bytes(checkpoints[0].read_bytes())
    monkeypatch.setattr(app, 'WORK_DIRS', tmp_path)
    assert [path.name for path in app.find_demo_models()] == ['epoch_10.pth']


def test_without_a_model_it_says_what_to_run(app, tmp_path, monkeypatch):
    monkeypatch.setattr(app, 'WORK_DIRS', tmp_path)
    with pytest.raises(SystemExit, match=f'{tmp_path}.*`make demo`'):
        run_main(app, monkeypatch)


def test_every_checkpoint_must_exist_at_the_start(app, checkpoints, monkeypatch):
    with pytest.raises(SystemExit, match='none.pth, no.pth'):
        run_main(app, monkeypatch, checkpoints[0], 'none.pth', 'no.pth')


def test_a_deleted_model_leaves_no_result_under_its_name(app, image_file, worker, tmp_path):
    page = app.make_page(dict(gone=tmp_path / 'gone.pth'), worker, 'cpu')
    on_image = next(event.fn for event in page.fns.values() if event.fn.__name__ == 'on_image')
    parsed, status, picture, table, _ = on_image(str(image_file), 'gone', 12, 0)
    assert status == '**checkpoint gone not found**'
    assert parsed is None and picture is None and table == []


@pytest.mark.parametrize(
    'text, size', [('10mb', 10 * 2**20), ('800KB', 800 * 2**10), ('1 gb', 2**30)]
)
def test_a_size_has_a_unit(app, text, size):
    assert app.size_in_bytes(text) == size
    with pytest.raises(argparse.ArgumentTypeError, match='10 '):
        app.size_in_bytes('10')
