"""Convert predictions between code bases.

SOURCE is one of
    eval_results.pytorch     of SGB, with annotations
    custom_prediction.json   of SGB on own images, beside custom_data_info.json
    *.json                   of sgbench; annotations in PSG's layout by --annotations
    *.h5                     of tools/test.py --out
OUT is a file of predictions (.h5), which all analysis tools read, or sgbench's JSON
(.json). With --annotations-out, annotations are written in PSG's layout, as sgbench
takes them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.vg_sgg.names import read_vg_names
from mmsgp.datasets.vg_sgg.vg150 import VG150_CLASSES, VG150_PREDICATES
from mmsgp.evaluation import PredictionFile, PredictionWriter
from mmsgp.evaluation.exchange import (
    psg_annotation,
    read_psg_layout,
    read_sgb_custom,
    read_sgb_results,
    read_sgbench,
    sgbench_prediction,
    write_json_list,
)
from mmsgp.structures.tasks import TASKS
from mmsgp.utils.files import replacing


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--task', choices=TASKS, default='sggen', help='(default: sggen)')
    parser.add_argument(
        '--names',
        metavar='FILE',
        help='VG-SGG-dicts.json with the names of the classes of SGB (default: VG150)',
    )
    parser.add_argument(
        '--annotations',
        metavar='FILE',
        help="annotations in PSG's layout, for formats without",
    )
    parser.add_argument('--annotations-out', type=Path, metavar='FILE')
    parser.add_argument(
        '--ng-limit',
        type=int,
        default=100,
        help='predictions of an image to keep without graph constraint (default: 100)',
    )
    args = parser.parse_args()
    if args.out.suffix not in ('.h5', '.json'):
        parser.error(f'OUT must end with .h5 or .json, got {args.out}')
    return args


def read(args: argparse.Namespace) -> tuple[dict, Iterator[dict]]:
    """Return the names and the samples of the source."""
    source = args.source
    if source.suffix == '.h5':
        predictions = PredictionFile(source)
        return predictions.meta, predictions
    if source.suffix != '.json':
        classes, predicates = VG150_CLASSES, VG150_PREDICATES
        if args.names:
            classes, predicates = read_vg_names(args.names)
        meta = dict(classes=classes, predicates=predicates)
        return meta, read_sgb_results(source, args.task)
    meta, annotated = read_psg_layout(args.annotations) if args.annotations else (None, {})
    info = source.with_name('custom_data_info.json')
    if source.name == 'custom_prediction.json' and info.is_file():
        return read_sgb_custom(source, info, args.task, annotated)
    if meta is None:
        raise ValueError(
            f'{source} has neither names nor annotations: give them with --annotations, in '
            "PSG's layout"
        )
    return meta, read_sgbench(source, args.task, annotated)


def run(args: argparse.Namespace) -> None:
    meta, samples = read(args)
    if args.out.resolve() == args.source.resolve():
        raise ValueError(f'{args.out} is the file that is read: choose another name')
    with replacing(args.out) as draft:
        if args.out.suffix == '.h5':
            names = {key: list(value) for key, value in meta.items()}
            with PredictionWriter(draft, names, args.ng_limit) as writer:
                for sample in samples:
                    writer.write(sample)
        else:
            write_json_list(
                draft,
                dict(version=1),
                'images',
                (sgbench_prediction(sample, task_of(sample, args)) for sample in samples),
            )
    if args.annotations_out is not None:
        _, samples = read(args)
        ids = [str(sample['img_id']) for sample in read(args)[1]]
        head = dict(
            thing_classes=list(meta['classes']),
            stuff_classes=[],
            predicate_classes=list(meta['predicates']),
            test_image_ids=ids,
        )
        with replacing(args.annotations_out) as draft:
            write_json_list(draft, head, 'data', map(psg_annotation, samples))
    print(*filter(None, (args.out, args.annotations_out)), sep='\n')


def task_of(sample: dict, args: argparse.Namespace) -> str:
    """Return the task to write."""
    if args.task not in sample['pred_scene_graphs']:
        raise ValueError(
            f'{args.source} has {sorted(sample["pred_scene_graphs"])}, not {args.task}: '
            'choose one with --task'
        )
    return args.task


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        run(args)


if __name__ == '__main__':
    main()
