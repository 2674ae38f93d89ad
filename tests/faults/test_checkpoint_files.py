"""Damaged and odd checkpoint files are named in one line, or load unchanged."""

import os
import random
import sys
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmsgp.apis.trained_parser import load_parser
from mmsgp.checkpoint.integrity import add_checksum, check_sound
from mmsgp.checkpoint.loading import (
    load_checkpoint_file,
    publish_weights,
    use_safe_checkpoint_loading,
)
from mmsgp.checkpoint.pretrained import read_weights

HINT = 'MMSGP_TRUST_CHECKPOINTS'
RUNS = (
    'os.system',
    'subprocess.Popen',
    'os.exec',
    'os.posix_spawn',
    'os.fork',
    'socket.connect',
    'exec',
)
watched: list[str] | None = None


def watch(event: str, arguments: tuple) -> None:
    """Record code that runs while a file is loaded."""
    if (
        watched is not None
        and event in RUNS
        and not (event == 'exec' and Path(arguments[0].co_filename).is_file())
    ):
        watched.append(f'{event} {arguments}')


sys.addaudithook(watch)


def training_checkpoint() -> dict:
    history = HistoryBuffer()
    for value in (0.5, 0.25):
        history.update(np.float64(value))
    generator = torch.Generator().manual_seed(0)
    checkpoint = dict(
        state_dict=OrderedDict(
            (f'layers.{i}.weight', torch.randn(8, 4, generator=generator)) for i in range(6)
        ),
        meta=dict(
            epoch=1,
            iter=20,
            seed=3,
            cfg='model = dict()',
            dataset_meta=dict(classes=('cat', 'dog'), palette=[(1, 2, 3)]),
        ),
        message_hub=dict(log_scalars=dict(loss=history), runtime_info=dict(epoch=0)),
        optimizer=dict(
            state={0: dict(step=torch.tensor(7.0), avg=torch.ones(9))},
            param_groups=[dict(lr=0.01, params=[0])],
        ),
    )
    add_checksum(checkpoint)
    return checkpoint


def same(a: object, b: object) -> bool:
    """Whether two contents are equal, types included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, HistoryBuffer):
        return all(map(np.array_equal, a.data, b.data))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 10, 1000))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def shifted(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + rng.randbytes(rng.randrange(1, 9)) + content[place:]


def overwritten(content: bytes, rng: random.Random) -> bytes:
    place, source = (rng.randrange(len(content)) for _ in range(2))
    part = rng.choice((bytes(64), rng.randbytes(64), content[source : source + 64]))
    return content[:place] + part + content[place + len(part) :]


def repacked(content: bytes, rng: random.Random) -> bytes:
    """Make an archive with correct checksums and one damaged or swapped record."""
    source, target = Path('source.zip'), Path('target.zip')
    source.write_bytes(content)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, 'w') as new:
        records = {name: old.read(name) for name in old.namelist()}
        name = rng.choice([name for name in records if records[name]])
        records[name] = (
            rng.choice((flipped, cut, shifted))(records[name], rng)
            if rng.random() < 0.7
            else rng.choice(list(records.values()))
        )
        for name, record in records.items():
            new.writestr(name, record)
    return target.read_bytes()


MUTATIONS = (flipped, cut, shifted, overwritten, repacked)


def mutate(number: int, folder: Path) -> None:
    """Check that ``number`` mutated checkpoints are refused in one line, or equal."""
    global watched
    sound = folder / 'sound.pth'
    torch.save(training_checkpoint(), sound)
    legacy = folder / 'legacy.pth'
    torch.save(training_checkpoint(), legacy, _use_new_zipfile_serialization=False)
    contents = [path.read_bytes() for path in (sound, sound, legacy)]
    expected, outcomes = training_checkpoint(), Counter()
    path, rng = folder / 'epoch_1.pth', random.Random(number)
    for i in range(number):
        mutation = MUTATIONS[i % len(MUTATIONS)]
        content = contents[0] if mutation is repacked else contents[i % 3]
        path.write_bytes(mutation(content, rng))
        watched, message = [], ''
        try:
            found = load_checkpoint_file(path, 'cpu')
        except ValueError as error:
            message = str(error)
        finally:
            executed, watched = watched, None
        assert not executed, (mutation, executed)
        if message:
            assert 'epoch_1.pth' in message and '\n' not in message, message
            outcomes['refused'] += 1
            outcomes['with a hint to trust it'] += HINT in message
        else:
            found.pop('checksums', None)
            assert same(
                found, {key: value for key, value in expected.items() if key != 'checksums'}
            ), mutation
            outcomes['equal'] += 1
    print(f'\n{number} mutated checkpoints: {dict(outcomes)}')  # noqa: T201


def test_a_sample_of_mutated_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mutate(60, tmp_path)


@pytest.mark.faults
def test_mutated_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mutate(1000, tmp_path)


def refusal(path, load=load_checkpoint_file) -> str:
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        load(path)
    message = str(error.value)
    assert Path(path).name in message and '\n' not in message
    return message


def parse(path):
    use_safe_checkpoint_loading()
    return load_parser({}, str(path))


@pytest.mark.parametrize(
    'changes, fact',
    [
        (dict(meta=None), 'config'),
        (dict(meta=5), 'meta'),
        (dict(meta=[1]), 'meta'),
        (dict(meta={}), 'config'),
        (dict(meta=dict(cfg=5)), 'cfg'),
        (dict(meta=dict(cfg=None)), 'cfg'),
        (dict(meta=dict(cfg='x')), 'names and values'),
        (dict(meta=dict(cfg='model = 5')), 'model'),
        (dict(meta=dict(cfg='')), 'model'),
        (dict(meta=dict(cfg='', dataset_meta=[1])), 'dataset_meta'),
        (dict(state_dict=None), 'state_dict'),
        (dict(state_dict=[1]), 'state_dict'),
        (dict(state_dict={5: torch.ones(1)}), 'state_dict'),
        (dict(state_dict=dict(x=torch.ones(1).expand(10**12))), "'x'"),
    ],
)
def test_entries_of_another_type_are_named(tmp_path, changes, fact):
    path = tmp_path / 'odd.pth'
    content = {**training_checkpoint(), **changes}
    del content['checksums']
    torch.save(content, path)
    assert fact in refusal(path, parse)


@pytest.mark.parametrize(
    'changes', [dict(state_dict=None), dict(meta=[1]), dict(meta=dict(dataset_meta=[1]))]
)
def test_tools_that_take_weights_name_them_too(tmp_path, changes):
    path = tmp_path / 'odd.pth'
    torch.save({**dict(state_dict={}, meta={}), **changes}, path)
    refusal(path, lambda path: publish_weights(path, tmp_path / 'out.pth'))
    assert not (tmp_path / 'out.pth').exists()
    use_safe_checkpoint_loading()
    refusal(path, lambda path: read_weights(str(path)))


def test_special_paths_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    for path in (
        tmp_path,
        tmp_path / 'pipe',
        tmp_path / 'none.pth',
        '/dev/zero',
        '/proc/self/mem',
        '/proc/self/environ',
    ):
        message = refusal(path)
        assert HINT not in message
        refusal(path, check_sound)


def test_a_compressed_archive_is_refused_before_reading(tmp_path):
    torch.save(training_checkpoint(), tmp_path / 'sound.pth')
    with (
        zipfile.ZipFile(tmp_path / 'sound.pth') as old,
        zipfile.ZipFile(tmp_path / 'bomb.pth', 'w', zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr('archive/data/99', bytes(10**8))
    assert 'unpacks to' in refusal(tmp_path / 'bomb.pth')


def test_only_a_file_with_code_gets_the_hint_to_trust_it(tmp_path):
    torch.save(dict(state_dict={}, x=Path('x')), tmp_path / 'code.pth')
    assert HINT in refusal(tmp_path / 'code.pth')
    content = bytearray((tmp_path / 'code.pth').read_bytes())
    content[content.index(b'pathlib')] ^= 1  # names another module, by accident
    (tmp_path / 'damaged.pth').write_bytes(content)
    assert HINT not in refusal(tmp_path / 'damaged.pth')
