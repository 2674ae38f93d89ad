"""Write a trained parser as ONNX, for machines without PyTorch.

docs/advanced_guides/deployment.md describes inputs, outputs and what can be exported.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsgp.cli.errors import exit_on_user_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config of the parser')
    parser.add_argument('checkpoint', help='checkpoint of training')
    parser.add_argument('--out', required=True, type=Path, help='file to write')
    parser.add_argument(
        '--objects',
        type=int,
        help='largest number of objects of an image (default: detection_cfg.max_per_image)',
    )
    parser.add_argument(
        '--relation-only',
        action='store_true',
        help='leave the detector out: feature maps, boxes and class logits are given',
    )
    parser.add_argument(
        '--int8',
        metavar='IMAGES',
        help='let the detector compute in 8 bits, with ranges from the images of this folder',
    )
    parser.add_argument(
        '--int8-images',
        type=int,
        help='largest number of images for the ranges (default: 100)',
    )
    args = parser.parse_args()
    if args.int8_images is not None and args.int8 is None:
        parser.error('--int8-images is for --int8 IMAGES')
    if args.int8 is not None and args.relation_only:
        parser.error('--int8 is for the detector, which --relation-only leaves out')
    return args


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        # After parsing, because importing PyTorch takes seconds.
        from mmsgp.apis import load_parser
        from mmsgp.deploy.exporting import export_onnx
        from mmsgp.engine.config_file import read_config_file
        from mmsgp.utils.files import replacing

        if args.int8 is not None:
            from mmsgp.deploy.quantization import choose_images, quantize

            number = 100 if args.int8_images is None else args.int8_images
            images = choose_images(args.int8, number)  # before the long work
        cfg = read_config_file(args.config)
        parser = load_parser(cfg, args.checkpoint)
        with replacing(args.out) as draft:
            export_onnx(parser, cfg, draft, args.objects, args.relation_only)
            if args.int8 is not None:
                quantize(draft, images)
        print(f'wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
