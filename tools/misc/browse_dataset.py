"""Show training images and their graphs after the pipeline."""

from __future__ import annotations

import argparse
from pathlib import Path

import mmcv
from mmdet.structures.bbox import get_box_tensor
from mmengine.registry import init_default_scope

from mmsgp.cli.arguments import add_settings_argument
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.registry import DATASETS, VISUALIZERS
from mmsgp.utils.progress import Progress


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--output-dir', type=Path, help='folder for the pictures, e.g. on a machine without display'
    )
    parser.add_argument('--not-show', action='store_true', help='do not open a window')
    parser.add_argument(
        '--show-interval', type=float, default=2, help='seconds per image (default: 2)'
    )
    add_settings_argument(parser, '; train_dataloader.dataset.indices=20 shows the first 20 images')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config_file(args.config)
    merge_options(cfg, args.cfg_options)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    # Pictures go to the window and to the folder, not to logging backends.
    visualizer = VISUALIZERS.build({'name': 'browse', **cfg.visualizer, 'vis_backends': None})
    visualizer.dataset_meta = dataset.metainfo
    with Progress('drawing', len(dataset)) as progress:
        for index in range(len(dataset)):
            item = dataset[index]
            sample = item['data_samples']
            sample.gt_instances.bboxes = get_box_tensor(sample.gt_instances.bboxes)
            name = Path(sample.img_path).name
            visualizer.add_datasample(
                name,
                mmcv.bgr2rgb(item['inputs'].permute(1, 2, 0).numpy()),
                sample,
                draw_pred=False,
                show=not args.not_show,
                wait_time=args.show_interval,
                out_file=str(args.output_dir / name) if args.output_dir else None,
            )
            progress.advance()


if __name__ == '__main__':
    with exit_on_user_error():
        main()
