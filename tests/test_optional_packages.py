"""Tests where a package is not installed that only some of them need."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# None in sys.modules makes the import fail, as on a machine without the package.
COLLECT = """
import sys, pytest
sys.modules.update(trackers=None, gradio=None)
sys.exit(pytest.main(['-q', '-rs', '--collect-only', '-p', 'no:cacheprovider', *sys.argv[1:]]))
"""


def test_without_trackers_and_gradio_their_tests_alone_are_skipped_with_the_reason():
    folders = ['tests/test_streams', 'tests/test_demo']
    run = subprocess.run(
        [sys.executable, '-c', COLLECT, *folders],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    skipped = dict(re.findall(r'^SKIPPED \[1\] tests/(\S+\.py):\d+: (.*)$', run.stdout, re.M))
    gradio = 'pip install -r requirements/demo.txt'
    trackers = 'pip install --no-deps trackers'
    assert skipped == {
        'test_demo/test_app.py': gradio,
        'test_demo/test_guard.py': gradio,
        'test_demo/test_video.py': gradio,
        'test_streams/test_stream.py': trackers,
        'test_streams/test_tracking.py': trackers,
    }
    collected = set(re.findall(r'^tests/(\S+\.py)[:\d]', run.stdout, re.M))
    assert collected - set(skipped) == {
        f'test_streams/test_{name}.py' for name in ('frames', 'smoothing', 'timeline')
    }
