"""Load checkpoints with hostile configs, and record what the interpreter did.

    python audited_loading.py FOLDER

``FOLDER`` holds ``sound.pth``, ``configs.json`` with texts of configs, and
canaries: files that create ``FOLDER/executed`` when they are run. The results go to
``FOLDER/results.jsonl``: that of ``sound.pth``, then one per text.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import mmengine
import numpy as np
import torch

import mmsgp
from mmsgp.apis import SceneGraphInferencer

FOLDER = Path(sys.argv[1]).resolve()
CHECKPOINT = FOLDER / 'epoch_1.pth'
CANARY = FOLDER / 'executed'
IMAGE = np.random.default_rng(0).integers(256, size=(48, 64, 3), dtype=np.uint8)
# Folders that may be read, and whose code may be run.
ROOTS = tuple(
    {
        os.path.realpath(path)
        for path in (
            sys.prefix,
            sys.base_prefix,
            Path(torch.__file__).parents[1],
            Path(mmengine.__file__).parents[1],
            Path(mmsgp.__file__).parents[1],
        )
    }
)
SYSTEM = ('/proc/', '/sys/', '/dev/', '/etc/', '/usr/', '/lib')
PACKAGES = {
    'torch',
    'mmcv',
    'mmdet',
    'mmengine',
    'mmsgp',
    'numpy',
    'cv2',
    'PIL',
    'scipy',
    *sys.stdlib_module_names,
}
# MMCV finds its NMS by eval().
TEXTS = {'nms', 'soft_nms'}
FORBIDDEN = (
    'os.system',
    'subprocess.Popen',
    'os.exec',
    'os.posix_spawn',
    'os.spawn',
    'os.fork',
    'os.forkpty',
    'os.startfile',
    'socket.connect',
    'socket.bind',
    'socket.getaddrinfo',
    'socket.gethostbyname',
    'urllib.Request',
    'pickle.find_class',
    'os.remove',
    'os.rename',
    'os.rmdir',
    'os.mkdir',
    'os.chmod',
    'os.link',
    'os.symlink',
    'shutil.rmtree',
    'ctypes.dlopen',
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Auditor:
    """Records suspicious events while it is armed, or learns usual ones."""

    def __init__(self) -> None:
        self.armed = self.learning = False
        self.found: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        if not self.armed:
            return
        self.armed = False
        try:
            suspicion = self.suspicion(event, arguments)
        finally:
            self.armed = True
        if suspicion:
            self.found.append(f'{event}: {suspicion}'[:200])

    def suspicion(self, event: str, arguments: tuple) -> str | None:
        if event in FORBIDDEN:
            return repr(arguments)
        if event == 'import' and arguments[0].split('.')[0] not in PACKAGES:
            return arguments[0]
        if event == 'open' and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if arguments[2] & WRITING and path != '/dev/null':
                return f'{path} to write'
            if not path.startswith((*ROOTS, *SYSTEM)) and path != str(CHECKPOINT):
                return path
        if event == 'compile' and arguments[1] != '<unknown>':  # <unknown>: ast.parse
            return self._code(arguments[0], os.fsdecode(arguments[1] or '<string>'))
        if event == 'exec' and arguments[0].co_filename != '<string>':
            return self._code(None, arguments[0].co_filename)
        return None

    def _code(self, text: object, filename: str) -> str | None:
        if filename.startswith('<frozen ') or os.path.realpath(filename).startswith(ROOTS):
            return None
        if self.learning:
            TEXTS.add(text)
        return None if text in TEXTS else f'{filename}: {text!r}'


def graph_of(inferencer: SceneGraphInferencer) -> dict:
    return inferencer(IMAGE)['predictions'][0]


def attempt(auditor: Auditor, checkpoint: dict, text: str) -> dict:
    """Load a config, predict with it, and return what happened."""
    result = dict(outcome='accepted', message='')
    torch.save({**checkpoint, 'meta': {**checkpoint['meta'], 'cfg': text}}, CHECKPOINT)
    auditor.found, start = [], time.process_time()
    auditor.armed = True
    try:
        inferencer = SceneGraphInferencer(weights=CHECKPOINT, device='cpu', show_progress=False)
        try:
            result['graph'] = graph_of(inferencer)
        except Exception as error:  # noqa: BLE001
            result.update(outcome='cannot predict', message=repr(error))
    except (ValueError, OSError) as error:
        result.update(outcome='refused', message=str(error))
    except BaseException as error:  # noqa: BLE001
        result.update(outcome='obscure', message=repr(error))
    auditor.armed = False
    result.update(
        seconds=time.process_time() - start, suspicions=auditor.found, executed=CANARY.exists()
    )
    CANARY.unlink(missing_ok=True)
    return result


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30,) * 2)
    os.chdir(FOLDER)
    sys.path.insert(0, str(FOLDER))
    torch.set_num_threads(1)
    sound = torch.load(FOLDER / 'sound.pth', weights_only=True)
    sound.pop('checksums', None)
    text = sound['meta']['cfg']
    auditor = Auditor()
    auditor.learning = True
    for _ in range(2):
        attempt(auditor, sound, text)
    auditor.learning = False
    expected = attempt(auditor, sound, text)
    with open(FOLDER / 'results.jsonl', 'w') as file:
        file.write(json.dumps(expected) + '\n')
        for hostile in json.loads((FOLDER / 'configs.json').read_text()):
            result = attempt(auditor, sound, hostile)
            result['equal'] = result.pop('graph', None) == expected['graph']
            file.write(json.dumps(result) + '\n')
            file.flush()


if __name__ == '__main__':
    main()
