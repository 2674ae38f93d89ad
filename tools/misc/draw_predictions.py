"""Draw annotated and predicted graphs of test images side by side."""
from __future__ import annotations

import argparse
from pathlib import Path

import mmcv
import torch
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.utils import track_iter_progress
from torch.utils.data import default_collate

from mmsgp.checkpoint.integrity import check_finite
from mmsgp.checkpoint.loading import use_safe_checkpoint_loading, weights_of
from mmsgp.datasets.image_files import read_without_exif_rotation
from mmsgp.registry import DATASETS, MODELS
from mmsgp.visualization import TASK_TITLES, draw_comparison


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out-dir', type=Path, required=True)
    parser.add_argument(
        '--task', default='sgcls', choices=('predcls', 'sgcls', 'sggen'))
    parser.add_argument(
        '--images', type=int, nargs='+', default=range(6),
        help='indices of test images (default: the first 6)')
    parser.add_argument(
        '--topk', type=int, default=8, help='predictions to draw (default: 8)')
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction,
        help='override settings of the config: key=value')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    use_safe_checkpoint_loading()
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.default_scope)
    cfg.model.test_tasks = (args.task, )
    model = MODELS.build(cfg.model)
    loaded = load_checkpoint(
        model, args.checkpoint, map_location='cpu', strict=True)
    check_finite(weights_of(loaded, args.checkpoint), args.checkpoint)
    model.to(args.device).eval()
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    if unknown := [i for i in args.images if not 0 <= i < len(dataset)]:
        raise IndexError(f'--images {unknown[0]}: the {len(dataset)} test '
                         f'images are numbered 0 to {len(dataset) - 1}')
    args.out_dir.mkdir(parents=True, exist_ok=True)
    for index in track_iter_progress(list(args.images)):
        item = dataset[index]
        with torch.no_grad():
            sample, = model.test_step(
                dict(
                    inputs=default_collate([item['inputs']]),
                    data_samples=[item['data_samples']]))
        picture = draw_comparison(
            read_without_exif_rotation(sample.img_path),
            sample.gt_scene_graph.cpu(),
            sample.pred_scene_graphs[args.task].cpu(),
            dataset.metainfo['classes'],
            dataset.metainfo['predicates'],
            palette=dataset.metainfo['palette'],
            topk=args.topk,
            task=TASK_TITLES[args.task])
        mmcv.imwrite(
            mmcv.rgb2bgr(picture), str(args.out_dir / f'scene_{index}.png'))
    print(f'\nwrote {len(args.images)} pictures to {args.out_dir}')


if __name__ == '__main__':
    main()
