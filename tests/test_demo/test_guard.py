"""Answers, limits and files of the page, without a browser."""

import os
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from helpers.page import PageClient, import_demo, scene

pytest.importorskip('gradio', reason='pip install -r requirements/demo.txt')

MAX_SIZE = 2**18


@pytest.fixture(scope='module')
def folder(app):
    with app.own_folder() as folder:
        yield folder


@pytest.fixture(scope='module')
def address(app, folder, checkpoint, worker):
    page = app.make_page(dict(model=checkpoint), worker, 'cpu')
    yield app.launch(page, MAX_SIZE, app.LOOPBACK)
    page.close()


@pytest.fixture
def client(address):
    with PageClient(address) as client:
        yield client


@pytest.fixture(scope='module')
def secret(tmp_path_factory):
    """A private file of this machine."""
    path = tmp_path_factory.mktemp('elsewhere') / 'secret.png'
    path.write_bytes(scene())
    return path


def status_of(message):
    return message['output']['data'][1]


def test_an_image_is_parsed(client):
    message = client.parse('street.png', scene())
    assert message['success']
    _, status, picture, table, _ = message['output']['data']
    assert 'objects' in status and table['data']
    assert client.get(picture['url']).status_code == 200


def test_a_failed_request_does_not_affect_others(client, address):
    def ask(number):
        with PageClient(address) as visitor:
            if number % 2:
                return status_of(visitor.parse('broken.png', b'no image'))
            return status_of(visitor.parse('street.png', scene(number)))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(8)))
    assert all('broken.png' in answer for answer in answers[1::2])
    assert all('objects' in answer for answer in answers[::2])


def test_a_request_that_takes_too_long_is_reported(app, tmp_path):
    def give_up(*_):
        raise TimeoutError('given up after 60 s')

    page = app.make_page(dict(model=Path('none.pth')), give_up, 'cpu')
    on_image = next(event.fn for event in page.fns.values() if event.fn.__name__ == 'on_image')
    (tmp_path / 'street.png').write_bytes(scene())
    parsed, status, *_ = on_image(str(tmp_path / 'street.png'), 'model', 12, 0)
    assert parsed is None
    assert 'street.png' in status and '60 s' in status


def test_a_large_image_is_reduced_to_its_shown_size(app, worker, checkpoint, tmp_path):
    side = import_demo('parsing').MAX_SIDE
    (tmp_path / 'large.png').write_bytes(scene(size=(2 * side, 300)))
    found = worker(app.parse, str(tmp_path / 'large.png'), checkpoint, 'cpu')
    assert found['image'].shape == (150, side, 3)
    np.testing.assert_allclose(found['drawn'].objects.bboxes * 2, found['graph'].objects.bboxes)
    assert found['info']['width'] == 2 * side


@pytest.mark.parametrize(
    'path',
    [
        '/gradio_api/file={secret}',
        '/gradio_api/file=%2F..{secret}',
        '/gradio_api/file={folder}/../{name}',
        '/gradio_api/file={folder}/files/link.png',
        '/gradio_api/file=file://{secret}',
        '/gradio_api/file=http://127.0.0.1:1/',
        '/gradio_api/file=HTTP://127.0.0.1:1/',
        '/gradio_api/proxy=http://127.0.0.1:1/',
        '/gradio_api/file=.',
        '/static/..%2f..{secret}',
        '/assets/../../..{secret}',
        '/gradio_api/vibe-code',
        '/gradio_api/deep_link?session_hash=a',
        '/monitoring',
        '/docs',
        '/gradio_api/stream/a/b/1/playlist-file',
    ],
)
def test_nothing_outside_the_served_folders_is_read(client, folder, secret, path):
    link = folder / 'files' / 'link.png'
    if not link.is_symlink():
        link.symlink_to(secret)
    answer = client.get(path.format(secret=secret, folder=folder, name=secret.name))
    assert answer.status_code in (403, 404), answer.text
    assert secret.read_bytes() not in answer.content


@pytest.mark.parametrize(
    'trick',
    [
        '{secret}',
        '{folder}/files/../../{secret}',
        '/etc/passwd',
        'http://127.0.0.1:{port}/x.png',
        'HTTPS://127.0.0.1:{port}/x.png',
        'file://{secret}',
        '/proc/self/environ',
        '',
        '.',
    ],
)
def test_only_uploads_are_parsed(client, folder, secret, trick):
    """Neither files of the machine nor addresses in its network."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        path = trick.format(secret=secret, folder=folder, port=port)
        message = client.ask(dict(path=path))
        with pytest.raises(TimeoutError):
            listener.accept()
    assert not message['success'] or 'objects' not in status_of(message)


def test_the_name_of_an_upload_cannot_leave_its_folder(client, folder):
    (path,) = client.upload('../../../escaped.png', scene()).json()
    assert Path(path).resolve().is_relative_to(folder)
    assert not list(folder.parent.glob('escaped.png'))


@pytest.mark.parametrize(
    'host, status',
    [
        ('localhost', 200),
        ('127.0.0.1:80', 200),
        ('evil.example', 400),
        ('127.0.0.1.evil.example', 400),
        ('', 400),
    ],
)
def test_other_host_names_of_this_machine_are_refused(client, host, status):
    """Such as in DNS rebinding, with which a site reads from a visitor's machine."""
    assert client.get('', headers=dict(host=host)).status_code == status


def test_a_request_is_hardly_larger_than_its_file_may_be(client, address):
    assert client.upload('a.png', bytes(MAX_SIZE)).status_code == 200
    assert client.upload('a.png', bytes(MAX_SIZE + 1)).status_code == 413
    many = [('files', (f'{i}.png', bytes(MAX_SIZE))) for i in range(3)]
    assert client.post('gradio_api/upload', files=many).status_code == 413

    def endless():  # without a length
        for _ in range(1000):
            yield bytes(2**16)

    answer = client.post('gradio_api/queue/join', content=endless())
    assert answer.status_code == 413


def test_the_queue_is_limited(client, address, app, worker, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(app, 'check_image', lambda *_: release.wait(60))
    (path,) = client.upload('street.png', scene()).json()

    def ask(_):
        with PageClient(address) as visitor:
            try:
                return visitor.ask(dict(path=path))['success']
            except httpx.HTTPStatusError as error:
                return error.response.status_code
            finally:
                release.set()  # continue when a visitor was rejected

    monkeypatch.setattr(app, 'MAX_WAITING', 2)
    page = app.make_page(dict(model=Path('none.pth')), worker, 'cpu')
    address = app.launch(page, MAX_SIZE, app.LOOPBACK)
    try:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(ask, range(6)))
    finally:
        page.close()
    assert 503 in answers and True in answers


def test_the_files_of_a_server_are_private_and_removed_with_it(app):
    before = dict(os.environ)
    with app.own_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert Path(os.environ['GRADIO_TEMP_DIR']).parent == folder
        assert Path(tempfile.gettempdir()) == folder
        (folder / 'files').mkdir()
        (folder / 'files' / 'image.png').write_bytes(scene())
    assert not folder.exists()
    assert dict(os.environ) == before
    assert Path(tempfile.gettempdir()) != folder


def test_incomplete_uploads_are_removed(client, folder):
    target = urlsplit(str(client.get('').url))
    head = (
        b'POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\n'
        b'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000\r\n'
        b'\r\n--x\r\nContent-Disposition: form-data; name="files"; '
        b'filename="a.png"\r\n\r\n' + bytes(3000)
    )
    files = folder / 'files'
    before = set(files.glob('tmp*'))
    with socket.create_connection((target.hostname, target.port)) as connection:
        connection.sendall(head)
        end = time.monotonic() + 30
        while set(files.glob('tmp*')) == before and time.monotonic() < end:
            time.sleep(0.05)
    left = set(files.glob('tmp*')) - before
    assert left
    guard = import_demo('guard')
    guard.remove_broken_uploads(files)
    assert left <= set(files.glob('tmp*')), 'it may still go on'
    guard.remove_broken_uploads(files, age=-1)
    assert not list(files.glob('tmp*'))
