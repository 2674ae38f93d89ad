"""Checkpoints that load, and those that are refused."""

import http.server
import pickle
import re
import struct
import threading
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, PretrainedInit
from mmengine.runner import Runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint
from torch.utils.data import DataLoader

from mmsgp.checkpoint.loading import (
    load_checkpoint_file,
    publish_weights,
    use_safe_checkpoint_loading,
)
from mmsgp.checkpoint.pretrained import (
    check_names,
    check_pretrained,
    pretrained_cfgs,
    read_weights,
)


class Payload:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def mmengine_loaders():
    schemes = dict(CheckpointLoader._schemes)
    loaders = {
        name: getattr(mmengine_checkpoint, name, None)
        for name in ('load_from_http', '_safe_torch_load')
    }
    use_safe_checkpoint_loading()
    yield
    CheckpointLoader._schemes = schemes
    for name, loader in loaders.items():
        setattr(mmengine_checkpoint, name, loader)


def training_checkpoint():
    history = HistoryBuffer()
    history.update(np.float64(0.5))
    return dict(
        state_dict=dict(weight=torch.arange(4.0)),
        meta=dict(epoch=1, dataset_meta=dict(classes=('cat', 'dog'))),
        message_hub=dict(log_scalars=dict(loss=history)),
        optimizer=dict(state={}),
    )


def test_a_training_checkpoint_loads_safely(tmp_path, mmengine_loaders):
    torch.save(training_checkpoint(), tmp_path / 'c.pth')
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / 'c.pth'), 'cpu')
    assert loaded['message_hub']['log_scalars']['loss'].current() == 0.5
    assert loaded['meta']['dataset_meta']['classes'] == ('cat', 'dog')


def test_code_in_a_checkpoint_is_not_run(tmp_path, mmengine_loaders):
    path, trace = tmp_path / 'c.pth', tmp_path / 'trace'
    torch.save(dict(state_dict={}, extra=Payload(trace)), path)
    with pytest.raises(ValueError, match='MMSGP_TRUST_CHECKPOINTS=1'):
        load_checkpoint(torch.nn.Linear(2, 2), str(path))
    assert not trace.exists()


@pytest.mark.parametrize('method', [8, 12, 14, 99])  # deflate, bzip2, LZMA, unknown
def test_code_beside_a_part_that_claims_to_be_compressed_is_damage(tmp_path, method):
    path = tmp_path / 'c.pth'
    torch.save(dict(extra=Payload(tmp_path / 'trace'), state_dict=dict(x=torch.ones(99))), path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        (part,) = (entry for entry in archive.infolist() if entry.filename.endswith('/data/0'))
    # Both headers of the part, before its name.
    places = [m.start() for m in re.finditer(part.filename.encode(), bytes(content))]
    for place, offset in zip(places, (30 - 8, 46 - 10), strict=True):
        struct.pack_into('<H', content, place - offset, method)
    path.write_bytes(content)
    with pytest.raises(ValueError, match='c.pth is cut off, damaged or not a checkpoint'):
        load_checkpoint_file(str(path))
    assert not (tmp_path / 'trace').exists()


class Reach:
    """Tries to reach any function through getattr."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return getattr, self.arguments


@pytest.mark.parametrize(
    'arguments',
    [
        (Reach(getattr, '__self__'), 'eval'),
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '__globals__'),
    ],
)
def test_getattr_in_a_checkpoint_reaches_only_histories(tmp_path, arguments):
    torch.save(dict(x=Reach(*arguments)), tmp_path / 'c.pth')
    with pytest.raises(ValueError, match='c.pth .*getattr'):
        load_checkpoint_file(str(tmp_path / 'c.pth'))


def test_code_runs_only_on_request(tmp_path, monkeypatch):
    path, trace = tmp_path / 'c.pth', tmp_path / 'trace'
    torch.save(dict(state_dict={}, extra=Payload(trace)), path)
    monkeypatch.setenv('MMSGP_TRUST_CHECKPOINTS', '1')
    load_checkpoint_file(str(path))
    assert trace.exists()


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.fc(inputs).sum())


def line_runner(work_dir, **kwargs):
    return Runner(
        Line(),
        str(work_dir),
        train_dataloader=DataLoader([dict(inputs=torch.ones(1))]),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_scope='mmsgp',
        experiment_name=work_dir.name,
        **kwargs,
    )


def test_a_resumed_training_runs_nothing_of_its_checkpoint(tmp_path, mmengine_loaders):
    line_runner(tmp_path / 'first').train()
    saved = torch.load(tmp_path / 'first' / 'epoch_1.pth', weights_only=False)
    trace = tmp_path / 'trace'
    saved['meta']['config'] = f"open({str(trace)!r}, 'w')"
    torch.save(saved, tmp_path / 'evil.pth')
    line_runner(tmp_path / 'second').resume(str(tmp_path / 'evil.pth'))
    assert not trace.exists()


@pytest.mark.parametrize('scheme', ['torchvision', 'openmmlab', 'mmcls'])
def test_loaders_of_model_zoos_run_no_code(tmp_path, monkeypatch, server, mmengine_loaders, scheme):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    trace = tmp_path / 'trace'
    torch.save(dict(state_dict={}, extra=Payload(trace)), tmp_path / 'z.pth')
    for zoo in ('torchvision', 'external', 'mmcls'):
        monkeypatch.setattr(
            mmengine_checkpoint, f'get_{zoo}_models', lambda: dict(model=f'{server}/z.pth')
        )
    with pytest.raises(ValueError, match='z.pth .*MMSGP_TRUST_CHECKPOINTS=1'):
        CheckpointLoader.load_checkpoint(f'{scheme}://model')
    assert not trace.exists()


@pytest.mark.parametrize(
    'content', [b'', b'not a checkpoint', b'hello', b'a, b', b'X', pickle.dumps({})[:4]]
)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / 'damaged.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='damaged.pth') as error:
        load_checkpoint_file(str(path))
    assert '\n' not in str(error.value)
    assert 'MMSGP_TRUST_CHECKPOINTS' not in str(error.value)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        load_checkpoint_file('nowhere.pth')


def test_a_file_without_weights_is_named(tmp_path):
    torch.save([torch.ones(1)], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match='list.pth .*list'):
        load_checkpoint_file(str(tmp_path / 'list.pth'))


@pytest.mark.parametrize(
    'meta',
    [
        dict(dataset_meta=dict(classes=('cat', 'dog'))),
        dict(dataset_meta=dict(CLASSES=('cat', 'dog'))),
        dict(CLASSES=('cat', 'dog'), epoch=1),
    ],
)
def test_names_are_found_where_mmdetection_writes_them(tmp_path, meta):
    path = str(tmp_path / 'c.pth')
    torch.save(dict(state_dict={}, meta=meta), path)
    _, names = read_weights(path)
    check_names(path, 'classes', names, dict(classes=('cat', 'dog')))
    with pytest.raises(ValueError, match="c.pth.* 1 .*'dog'.*'cow'"):
        check_names(path, 'classes', names, dict(classes=('cat', 'cow')))


@pytest.mark.parametrize('extra', [{}, dict(meta=None), dict(meta=dict(dataset_meta=None))])
def test_a_checkpoint_may_have_no_names(tmp_path, extra):
    torch.save(dict(state_dict={}, **extra), tmp_path / 'c.pth')
    _, names = read_weights(str(tmp_path / 'c.pth'))
    assert not names.get('classes')


def test_weights_of_distributed_training_fit_as_mmengine_loads_them(tmp_path):
    path, layer = str(tmp_path / 'c.pth'), torch.nn.Linear(3, 2)
    torch.save({f'module.{key}': value for key, value in layer.state_dict().items()}, path)
    for prefix in (None, 'module'):
        other = torch.nn.Linear(3, 2)
        init_cfg = dict(checkpoint=path, prefix=prefix)
        check_pretrained(init_cfg, other)
        PretrainedInit(**init_cfg)(other)
        assert torch.equal(layer.weight, other.weight)


def test_only_the_type_that_mmengine_loads_last_is_accepted():
    cfgs = [dict(type=kind, checkpoint='c.pth') for kind in ('Pretrained', PretrainedInit)]
    assert pretrained_cfgs([dict(type='Normal', layer='Linear'), *cfgs]) == cfgs
    for kind in ('mmdet.Pretrained', 'mmengine.Pretrained'):
        with pytest.raises(ValueError, match=f"{kind}.*type='Pretrained'"):
            pretrained_cfgs(dict(type=kind, checkpoint='c.pth'))


@pytest.fixture
def server(tmp_path):
    """Serves tmp_path on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{httpd.server_port}'
        httpd.shutdown()


def test_weights_load_by_url(tmp_path, monkeypatch, server, mmengine_loaders):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    layer = torch.nn.Linear(3, 2)
    torch.save(layer.state_dict(), tmp_path / 'layer.pth')
    other = torch.nn.Linear(3, 2)
    load_checkpoint(other, f'{server}/layer.pth')
    assert torch.equal(layer.weight, other.weight)

    trace = tmp_path / 'trace'
    torch.save(dict(state_dict={}, extra=Payload(trace)), tmp_path / 'p.pth')
    with pytest.raises(ValueError, match='p.pth'):
        load_checkpoint(other, f'{server}/p.pth')
    assert not trace.exists()


def test_published_weights_hold_no_training_state(tmp_path):
    torch.save(training_checkpoint(), tmp_path / 'c.pth')
    publish_weights(tmp_path / 'c.pth', tmp_path / 'published.pth')
    published = torch.load(tmp_path / 'published.pth', weights_only=True)
    assert published['meta']['dataset_meta']['classes'] == ('cat', 'dog')
    assert torch.equal(published['state_dict']['weight'], torch.arange(4.0))
    assert set(published) == {'state_dict', 'meta', 'checksums'}


def test_weights_without_meta_or_by_themselves(tmp_path):
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), tmp_path / 'a.pth')
    publish_weights(tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert torch.load(tmp_path / 'b.pth')['meta'] == dict(dataset_meta=None)
    torch.save(dict(weight=torch.ones(2)), tmp_path / 'c.pth')
    with pytest.raises(ValueError, match='c.pth .*state_dict.* weight'):
        publish_weights(tmp_path / 'c.pth', tmp_path / 'd.pth')
    assert not (tmp_path / 'd.pth').exists()
