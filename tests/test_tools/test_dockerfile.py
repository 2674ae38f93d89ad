"""The image is made with the commands that the documentation gives."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / 'docker/Dockerfile').read_text()
DOCS = '\n'.join(path.read_text() for path in [ROOT / 'README.md', *ROOT.glob('docs/**/*.md')])
OPTIONS = re.compile(r' (-y|--no-install-recommends)(?= )')


def run_commands():
    """The commands of the RUN lines, without options of unattended runs."""
    for lines in re.findall(r'^RUN ((?:.*\\\n)*.*)', DOCKERFILE, re.MULTILINE):
        for command in lines.replace('\\\n', ' ').split('&&'):
            command = OPTIONS.sub('', ' '.join(command.split()))
            if not command.startswith(('rm ', 'apt-get update')):  # which keep the image small
                yield command


def test_the_documentation_has_the_commands():
    commands = list(run_commands())
    assert commands == [
        'apt-get install python3-dev python3-venv git make g++',
        'make install TORCH="${TORCH}"',
    ]
    for command in commands:
        assert command.replace('"${TORCH}"', '') in DOCS, command


def test_the_default_pytorch_is_that_of_the_makefile():
    (default,) = re.findall(r'^DEFAULT_TORCH := (.+)$', (ROOT / 'Makefile').read_text(), re.M)
    assert f'\nARG TORCH={default}\n' in DOCKERFILE


@pytest.mark.parametrize('argument', ['BASE', 'TORCH', 'FORCE_CUDA'])
def test_the_head_shows_each_argument_of_a_build_for_cuda(argument):
    assert f'\nARG {argument}=' in DOCKERFILE
    assert f'--build-arg {argument}=' in DOCKERFILE.partition('\nARG')[0]
