"""Downloads are continued, checked, and complete or not at all."""

import hashlib
import multiprocessing
import socket

import pytest

from helpers.weights_server import serving
from mmsgp.checkpoint import download as module
from mmsgp.checkpoint.download import download

DATA = bytes(range(256)) * 12000  # 3 MB, more than one block
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(module, 'PAUSE', 0)


@pytest.fixture
def server():
    with serving(DATA) as server:
        yield server


def leftovers(path):
    return sorted(file.name for file in path.parent.iterdir() if file.suffix != '.lock')


def test_a_file_is_downloaded_once(server, tmp_path):
    path = tmp_path / 'cache' / 'a.pth'
    for _ in range(2):
        assert download(server.url, path, SHA256, len(DATA)).read_bytes() == DATA
    assert server.requests == [None]
    assert leftovers(path) == ['a.pth']


def test_a_download_that_breaks_off_goes_on_where_it_was(server, tmp_path):
    server.breaks = 2
    assert download(server.url, tmp_path / 'a.pth', SHA256).read_bytes() == DATA
    half, quarter = len(DATA) // 2, len(DATA) // 4
    assert server.requests == [None, f'bytes={half}-', f'bytes={half + quarter}-']
    assert server.sent == len(DATA)


def test_a_server_without_range_sends_all_again(server, tmp_path):
    server.breaks, server.has_range = 1, False
    assert download(server.url, tmp_path / 'a.pth', SHA256).read_bytes() == DATA
    assert server.sent == len(DATA) * 3 // 2


def test_the_next_call_continues_what_broke_off_for_good(server, tmp_path):
    path = tmp_path / 'a.pth'
    server.breaks = module.ATTEMPTS
    with pytest.raises(ConnectionError, match='broke off.*try again'):
        download(server.url, path, SHA256)
    assert leftovers(path) == ['a.pth.part']
    sent = server.sent
    assert download(server.url, path, SHA256).read_bytes() == DATA
    assert server.sent == len(DATA) and 0 < sent < len(DATA)


@pytest.mark.parametrize('part', [b'of another file', DATA + b'more'])
def test_a_part_of_another_file_is_not_used(server, tmp_path, part):
    (tmp_path / 'a.pth.part').write_bytes(part)
    assert download(server.url, tmp_path / 'a.pth', SHA256).read_bytes() == DATA


def test_a_complete_part_is_taken_as_it_is(server, tmp_path):
    (tmp_path / 'a.pth.part').write_bytes(DATA)
    assert download(server.url, tmp_path / 'a.pth', SHA256).read_bytes() == DATA
    assert server.sent == 0


def test_another_file_is_refused_and_not_kept(server, tmp_path):
    server.data = b'weights of another model'
    found = hashlib.sha256(server.data).hexdigest()
    with pytest.raises(ValueError, match=f'{server.url} has the SHA-256 {found}.*{SHA256}'):
        download(server.url, tmp_path / 'a.pth', SHA256)
    assert leftovers(tmp_path / 'a.pth') == []


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    (tmp_path / 'a.pth').write_bytes(DATA[:-1])
    assert download(server.url, tmp_path / 'a.pth', SHA256).read_bytes() == DATA


def test_a_file_that_is_there_needs_no_network(tmp_path):
    (tmp_path / 'a.pth').write_bytes(DATA)
    assert download('http://127.0.0.1:9/a.pth', tmp_path / 'a.pth', SHA256).read_bytes() == DATA


def test_an_endless_file_is_cut_off(server, tmp_path):
    server.data = DATA * 4
    with pytest.raises(ValueError, match='SHA-256'):
        download(server.url, tmp_path / 'a.pth', SHA256, size=1000)
    assert leftovers(tmp_path / 'a.pth') == []


def test_no_network_is_told_in_a_line_with_another_way(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectionError, match='check the network') as info:
        download(f'http://127.0.0.1:{port}/a.pth', tmp_path / 'a.pth', SHA256)
    assert str(tmp_path / 'a.pth') in str(info.value) and '\n' not in str(info.value)
    assert leftovers(tmp_path / 'a.pth') == []


def test_what_the_server_does_not_have_is_asked_for_once(server, tmp_path):
    server.status = 404
    with pytest.raises(ConnectionError, match=f'{server.url}.*404'):
        download(server.url, tmp_path / 'a.pth', SHA256)
    assert len(server.requests) == 1


@pytest.mark.parametrize('url', ['file:///etc/hostname', 'ftp://127.0.0.1/a.pth'])
def test_only_addresses_of_the_web_are_opened(tmp_path, url):
    with pytest.raises(ValueError, match='http'):
        download(url, tmp_path / 'a.pth', SHA256)


def test_a_disk_error_is_no_network_error(server, tmp_path):
    (tmp_path / 'a.pth.part').mkdir()
    with pytest.raises(IsADirectoryError, match=r'a\.pth\.part'):
        download(server.url, tmp_path / 'a.pth', SHA256)


def test_a_full_disk_is_named(server, tmp_path):
    (tmp_path / 'a.pth.part').symlink_to('/dev/full')
    with pytest.raises(OSError, match=r'No space left.*a\.pth\.part'):
        download(server.url, tmp_path / 'a.pth', SHA256)
    assert len(server.requests) == 1


def test_two_processes_download_once(server, tmp_path):
    with multiprocessing.get_context('fork').Pool(2) as pool:
        calls = [(server.url, tmp_path / 'a.pth', SHA256)] * 2
        paths = pool.starmap(download, calls)
    assert [path.read_bytes() for path in paths] == [DATA, DATA]
    assert server.sent == len(DATA)


def test_progress_is_reported_in_bytes(server, tmp_path):
    server.breaks, seen = 1, []
    download(server.url, tmp_path / 'a.pth', SHA256, report=lambda *pair: seen.append(pair))
    assert seen[-1] == (len(DATA), len(DATA))
    assert seen == sorted(seen) and all(total == len(DATA) for _, total in seen)
