"""Serve a scene graph parser over HTTP."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys

from rich.console import Console

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.image_files import MAX_PIXELS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='mmsgp-serve', description=__doc__)
    model = parser.add_mutually_exclusive_group()
    model.add_argument('--model', metavar='NAME', help='model of the model index')
    model.add_argument('--config', help='config file (default: the one in the checkpoint)')
    parser.add_argument('--checkpoint', help='checkpoint file (default: that of the model)')
    parser.add_argument('--device', help='e.g. cpu or cuda:1 (default: a GPU if there is one)')
    parser.add_argument('--host', default='127.0.0.1', help='(default: %(default)s, this machine)')
    parser.add_argument('--port', type=int, default=8000, help='(default: %(default)s)')
    parser.add_argument(
        '--max-batch', type=int, default=8, help='images per forward pass (default: %(default)s)'
    )
    parser.add_argument(
        '--max-wait',
        type=float,
        default=0.01,
        help='seconds to wait for other images (default: %(default)s)',
    )
    parser.add_argument(
        '--max-waiting',
        type=int,
        default=64,
        help='images that may wait; more are answered with 503 (default: %(default)s)',
    )
    parser.add_argument(
        '--max-mib', type=float, default=32, help='largest request (default: %(default)s MiB)'
    )
    parser.add_argument(
        '--max-pixels', type=int, default=MAX_PIXELS, help='largest image (default: %(default)s)'
    )
    parser.add_argument(
        '--upload-seconds', type=float, default=30, help='limit of a body (default: %(default)s)'
    )
    parser.add_argument(
        '--parse-seconds', type=float, default=60, help='limit of parsing (default: %(default)s)'
    )
    args = parser.parse_args()
    if not (args.model or args.checkpoint):
        parser.error('give --model NAME or --checkpoint FILE')
    for name in ('max_batch', 'max_waiting', 'max_mib', 'upload_seconds', 'parse_seconds'):
        if getattr(args, name) <= 0:
            parser.error(f'--{name.replace("_", "-")} must be positive, got {getattr(args, name)}')
    return args


def main() -> None:
    args = parse_args()
    # The number of pairs differs from image to image, and oneDNN would keep a thousand prepared
    # operations. It reads this when PyTorch first uses it.
    os.environ.setdefault('ONEDNN_PRIMITIVE_CACHE_CAPACITY', '32')
    try:
        import uvicorn

        from mmsgp.serving import create_app
    except ModuleNotFoundError as error:
        sys.exit(f'mmsgp-serve: {error}: install the packages of requirements/serve.txt')
    from mmsgp.apis import SceneGraphInferencer

    with exit_on_user_error():
        inferencer = SceneGraphInferencer(
            args.model or args.config,
            args.checkpoint,
            args.device,
            show_progress=False,
            max_pixels=args.max_pixels,
        )
        listener = socket.create_server((args.host, args.port))
    app = create_app(
        inferencer,
        max_batch=args.max_batch,
        max_wait=args.max_wait,
        max_waiting=args.max_waiting,
        max_bytes=round(args.max_mib * 2**20),
        upload_seconds=args.upload_seconds,
        parse_seconds=args.parse_seconds,
    )
    url = f'http://{args.host}:{listener.getsockname()[1]}/v1/parse'
    Console(highlight=False, soft_wrap=True).print(f'parsing at {url}')
    # At SIGTERM and Ctrl+C, requests that were accepted are answered. Uvicorn then raises
    # the signal again, which is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        app,
        log_level='warning',
        timeout_keep_alive=5,
        timeout_graceful_shutdown=round(args.parse_seconds),
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == '__main__':
    main()
