import base64
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from mmsgp.apis import SceneGraphInferencer
from mmsgp.serving import create_app
from mmsgp.testing.models import write_random_checkpoint

ROOT = Path(__file__).parents[2]
OBJECTS = [dict(bbox=[0, 0, 50, 40], name='class 2'), dict(bbox=[20, 10, 80, 60], name='class 3')]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return write_random_checkpoint(tmp_path_factory.mktemp('model') / 'model.pth')


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return SceneGraphInferencer(
        weights=checkpoint, device='cpu', show_progress=False, max_pixels=100_000
    )


@pytest.fixture(scope='module')
def client(inferencer):
    # Longer limits than a busy machine needs.
    app = create_app(inferencer, max_batch=4, max_bytes=100_000, parse_seconds=300)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope='module')
def image():
    pixels = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    return cv2.resize(pixels, (96, 72))


@pytest.fixture(scope='module')
def png(image):
    return cv2.imencode('.png', image)[1].tobytes()


def post(client, content, **form):
    return client.post('/v1/parse', files=dict(image=('a.png', content)), data=form)


def test_a_form_and_json_give_the_graph_of_the_inferencer(client, inferencer, image, png):
    (expected,) = inferencer(image)['predictions']
    of_form = post(client, png).json()
    body = dict(image=base64.b64encode(png).decode())
    of_json = client.post('/v1/parse_json', json=body).json()
    assert of_form.pop('image') == 'a.png'
    assert [of_json.pop('image'), expected.pop('image')] == ['image', None]
    assert of_form == of_json == expected


def test_given_objects_and_classes_choose_the_task(client, inferencer, image, png):
    boxes = [item['bbox'] for item in OBJECTS]
    names = [item['name'] for item in OBJECTS]
    (predcls,) = inferencer(image, bboxes=boxes, labels=names)['predictions']
    answer = post(client, png, objects=json.dumps(OBJECTS)).json()
    assert answer['task'] == 'predcls' and answer['relations'] == predcls['relations']
    unnamed = [dict(bbox=box) for box in boxes]
    assert post(client, png, objects=json.dumps(unnamed)).json()['task'] == 'sgcls'


def test_relations_are_limited_by_number_and_by_score(client, png):
    objects = json.dumps(OBJECTS)
    relations = post(client, png, objects=objects).json()['relations']
    assert post(client, png, objects=objects, topk=1).json()['relations'] == relations[:1]
    highest = max(relation['score'] for relation in relations)
    answer = post(client, png, objects=objects, score_thr=highest).json()
    assert {item['score'] for item in answer['relations']} == {highest}


@pytest.mark.parametrize(
    ('content', 'form', 'status', 'words'),
    [
        (b'', {}, 400, 'a.png is empty, damaged or not an image'),
        (b'\x89PNG\r\n\x1a\n' + b'x' * 99, {}, 400, 'a.png is empty, damaged'),
        (None, dict(topk=0), 422, 'topk: Input should be greater than or equal to 1'),
        (None, dict(score_thr='nan'), 422, 'score_thr'),
        (None, dict(objects='['), 400, 'objects is not JSON'),
        (None, dict(objects='[{"bbox": [1, 2]}]'), 400, r'objects[0].bbox is [1, 2]'),
        (None, dict(objects='[{"bbox": [1, 2, 9, 9], "name": "cat"}]'), 400, 'cat'),
        (None, dict(objects='[{"bbox": [1, 2, 900, 9]}]'), 400, 'box 0 is [1.0, 2.0, 900.0'),
        (b'x' * 100_001, {}, 413, 'more than 100000 bytes'),
    ],
)
def test_wrong_requests_are_answered_in_words(client, png, content, form, status, words):
    answer = post(client, png if content is None else content, **form)
    assert answer.status_code == status and words in answer.json()['error']


def test_a_huge_image_in_few_bytes_is_not_decoded(client):
    bomb = cv2.imencode('.png', np.zeros((1000, 1000, 3), np.uint8))[1].tobytes()
    answer = post(client, bomb)
    assert answer.status_code == 400 and '1000 x 1000 pixels' in answer.json()['error']


@pytest.mark.parametrize(
    ('body', 'words'),
    [
        ('{', 'JSON'),
        ('[]', 'body'),
        ('{}', 'image: Field required'),
        ('{"image": "***"}', 'image is not base64'),
        ('{"image": "aaaa", "top_k": 3}', 'top_k: Extra inputs'),
    ],
)
def test_wrong_json_is_answered_in_words(client, body, words):
    headers = {'content-type': 'application/json'}
    answer = client.post('/v1/parse_json', content=body, headers=headers)
    assert answer.status_code in (400, 422) and words in answer.json()['error']


def test_a_body_without_a_length_is_limited_too(client):
    answer = client.post('/v1/parse', content=(b'x' * 50_000 for _ in range(3)))
    assert answer.status_code == 413


def test_simultaneous_requests_share_batches(client, png):
    def number(name):
        lines = client.get('/metrics').text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    batches, images = number('mmsgp_batch_size_count'), number('mmsgp_batch_size_sum')
    done = number('mmsgp_requests_total{status="200"}')
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(post(client, png))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 8
    scores = [[item['score'] for item in answer.json()['objects']] for answer in answers]
    assert np.allclose(scores, scores[0], atol=1e-4)
    assert number('mmsgp_batch_size_sum') - images == 8
    assert number('mmsgp_batch_size_count') - batches < 8
    assert number('mmsgp_requests_total{status="200"}') - done == 8


def test_health_is_shown(client):
    assert client.get('/live').status_code == client.get('/ready').status_code == 200


def test_a_server_that_is_too_busy_says_so(inferencer, png, monkeypatch):
    forward = inferencer.forward
    may_go_on = threading.Event()

    def wait(*args):
        may_go_on.wait(60)
        return forward(*args)

    monkeypatch.setattr(inferencer, 'forward', wait)
    app = create_app(inferencer, max_batch=1, max_waiting=1, parse_seconds=300)
    with TestClient(app, raise_server_exceptions=False) as client:
        answers = []
        first = threading.Thread(target=lambda: answers.append(post(client, png)))
        second = threading.Thread(target=lambda: answers.append(post(client, png)))
        first.start()
        while not first.is_alive() or app.state.batcher.num_waiting:
            time.sleep(0.01)
        time.sleep(0.5)
        second.start()
        while not app.state.batcher.is_full:
            time.sleep(0.01)
        assert client.get('/ready').status_code == 503
        third = post(client, png)
        assert third.status_code == 503 and third.headers['retry-after'] == '1'
        assert '1 images are waiting' in third.json()['error']
        may_go_on.set()
        first.join()
        second.join()
    assert [answer.status_code for answer in answers] == [200, 200]


def test_an_image_that_takes_too_long_is_answered(inferencer, png, monkeypatch):
    monkeypatch.setattr(inferencer, 'forward', lambda *args: time.sleep(1) or [])
    app = create_app(inferencer, max_batch=1, parse_seconds=0.1)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = post(client, png)
    assert answer.status_code == 504 and 'not parsed within 0.1 s' in answer.json()['error']


@pytest.fixture(scope='module')
def server(checkpoint):
    command = [sys.executable, '-m', 'mmsgp.cli.serve', '--checkpoint', checkpoint, '--port', '0']
    command += ['--device', 'cpu', '--upload-seconds', '5']
    process = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith('parsing at '):
            break
    yield process, line.split()[-1]
    process.kill()


def test_a_client_that_sends_slowly_does_not_hold_the_server(server):
    _, url = server
    port = int(url.split(':')[2].split('/')[0])
    with socket.create_connection(('127.0.0.1', port)) as slow:
        slow.sendall(b'POST /v1/parse HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc')
        slow.settimeout(60)
        answer = b''.join(iter(lambda: slow.recv(4096), b''))
    assert b'408' in answer.split(b'\r\n')[0] and b'did not come within 5 s' in answer


def test_a_client_that_sends_too_much_reads_why_it_is_refused(server):
    _, url = server
    for _ in range(3):
        answer = httpx.post(url, files=dict(image=('a.png', bytes(40 * 2**20))), timeout=120)
        assert answer.status_code == 413 and 'more than 33554432 bytes' in answer.json()['error']


def test_it_stops_under_load_and_answers_what_it_has_accepted(server, png):
    process, url = server
    answers = []

    def ask():
        try:
            answers.append(httpx.post(url, files=dict(image=('a.png', png)), timeout=120))
        except httpx.TransportError as error:  # came after the end
            answers.append(error)

    assert httpx.post(url, files=dict(image=('a.png', png)), timeout=120).status_code == 200
    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    while not answers:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert process.wait(120) == 0
    answered = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert answered and {answer.status_code for answer in answered} <= {200, 503}
    assert 'Traceback' not in process.stderr.read()
