"""Write only the weights and class names of a training checkpoint.

With --index, also list them in a model index, so that SceneGraphInferencer(NAME) and
mmsgp-infer --model NAME find them. MMSGP_MODEL_INDEX names the index.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from mmsgp.apis.model_index import write_entry
from mmsgp.checkpoint.download import sha256_of
from mmsgp.checkpoint.loading import publish_weights
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.structures.tasks import TASK_TITLES


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', help='checkpoint of a training run')
    parser.add_argument('target', type=Path, help='file to write')
    entry = parser.add_argument_group('entry of the model index')
    entry.add_argument('--index', type=Path, help='model index to write the entry into')
    entry.add_argument('--config', help='mmsgp::NAME.py, or a path relative to the index')
    entry.add_argument('--name', help='(default: the name of the target without .pth)')
    entry.add_argument('--url', help='where the target will be (default: its path)')
    entry.add_argument('--metrics', type=Path, help='metrics.json of tools/test.py')
    args = parser.parse_args()
    if args.index is None and (args.config or args.name or args.url or args.metrics):
        parser.error('--config, --name, --url and --metrics need --index')
    if args.index is not None and args.config is None:
        parser.error('--index needs --config')
    return args


def make_entry(args: argparse.Namespace) -> dict:
    """Make the entry of a file of weights that was written."""
    entry = dict(
        Name=args.name or args.target.stem,
        Config=args.config,
        Weights=args.url or os.path.relpath(args.target, args.index.parent),
        SHA256=sha256_of(args.target),
        Size=args.target.stat().st_size,
    )
    metrics = json.loads(args.metrics.read_text()) if args.metrics else {}
    results = []
    for task, title in TASK_TITLES.items():
        own = {
            key.partition('/')[2]: value
            for key, value in metrics.items()
            if key.startswith(f'{task}/')
        }
        if own:
            results.append(dict(Task=title, Metrics=own))
    return {**entry, 'Results': results} if results else entry


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        publish_weights(args.checkpoint, args.target)
        print(f'wrote {args.target}')
        if args.index is not None:
            write_entry(args.index, make_entry(args))
            print(f'listed in {args.index}')


if __name__ == '__main__':
    main()
