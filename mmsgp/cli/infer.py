"""Parse images, folders and videos into scene graphs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmsgp.apis import SceneGraphInferencer, score_columns, tabulate_relations
from mmsgp.apis.given_objects import MAX_OBJECTS, WrongNumber
from mmsgp.apis.graph_export import WRITERS
from mmsgp.apis.model_index import resolve_model
from mmsgp.apis.objects_file import read_objects
from mmsgp.cli.run_settings import changed_settings, describe_file, keep_settings
from mmsgp.cli.streaming import (
    add_stream_options,
    check_stream_options,
    run_streams,
    settings_of_images,
)
from mmsgp.datasets.image_files import MAX_PIXELS
from mmsgp.structures.ranking import RANKINGS
from mmsgp.utils.unwritten import collecting_unwritten
from mmsgp.visualization.fonts import add_font

# As many as a picture shows, so that objects have the same numbers in both.
_SHOWN = 20


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='mmsgp-infer', description=__doc__)
    parser.add_argument(
        'inputs', nargs='*', help='images, folders of images (with their sub-folders), videos'
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument('--model', metavar='NAME', help='model of the model index')
    model.add_argument('--config', help='config file (default: the one in the checkpoint)')
    parser.add_argument('--checkpoint', help='checkpoint file (default: that of the model)')
    parser.add_argument(
        '--out',
        required=True,
        type=Path,
        help='folder for the pictures (vis/) and the graphs (preds/), or the files of videos',
    )
    parser.add_argument(
        '--objects',
        type=Path,
        help='JSON file of given objects, as in preds/*.json: {"objects": '
        '[{"bbox": [x1, y1, x2, y2], "name": "dog"}, ...]}, or a list of these, '
        'one per image; names are optional (without names: SGCls)',
    )
    parser.add_argument('--batch-size', type=int, default=1, help='images per batch (default: 1)')
    parser.add_argument(
        '--topk',
        type=int,
        default=100,
        help='relations to keep per image (default: 100); pictures show at most 20',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.0,
        help='leave out relations with a lower score (default: 0)',
    )
    parser.add_argument(
        '--rank-by',
        choices=RANKINGS,
        help='the score that sorts the relations and that --score-thr refers to '
        '(default: as the model was configured)',
    )
    parser.add_argument(
        '--predicates-per-pair',
        type=int,
        default=1,
        metavar='K',
        help='relations per pair of objects, of its K most probable predicates (default: 1)',
    )
    parser.add_argument(
        '--object-score-thr',
        type=float,
        help='leave out detected objects with a lower score (default: 0; with tracks 0.1)',
    )
    parser.add_argument(
        '--top-objects', type=int, metavar='N', help='keep the N best detected objects only'
    )
    parser.add_argument(
        '--features',
        type=Path,
        metavar='FILE.h5',
        help='write the features of the objects and of the kept relations into an HDF5 file',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='parse all images again (default: images whose files an earlier run with the '
        'same settings has written are left out)',
    )
    parser.add_argument(
        '--formats',
        nargs='+',
        choices=WRITERS,
        default=['json'],
        help='how to write the graphs (default: json)',
    )
    parser.add_argument(
        '--max-pixels',
        type=int,
        default=MAX_PIXELS,
        help='images with more pixels are not decoded (default: %(default)s)',
    )
    parser.add_argument(
        '--max-objects',
        type=int,
        default=MAX_OBJECTS,
        help='images with more given objects are not parsed (default: %(default)s)',
    )
    parser.add_argument('--no-pictures', action='store_true', help='write graphs only')
    parser.add_argument(
        '--font', type=Path, help='font file for names that the usual fonts cannot show'
    )
    parser.add_argument('--device', help='e.g. cpu or cuda:1 (default: a GPU if there is one)')
    add_stream_options(parser)
    args = parser.parse_args()
    if not (args.model or args.checkpoint):
        parser.error('give --model NAME or --checkpoint FILE')
    check_stream_options(parser, args)
    return args


def print_relations(console: Console, graph: dict) -> None:
    """Print the best relations of an image as a table."""
    table = Table(title=f'{graph["image"]}: the best relations ({graph["task"]})')
    for column in ('subject', 'predicate', 'object'):
        table.add_column(column)
    columns = score_columns(graph)
    for column in columns:
        table.add_column(column, justify='right')
    shown = dict(graph, relations=graph['relations'][:_SHOWN])
    for (*words, _), relation in zip(tabulate_relations(shown), shown['relations']):
        table.add_row(*words, *(f'{relation[column]:.3f}' for column in columns))
    console.print(table)


def settings_of(args: argparse.Namespace) -> dict:
    """The settings that decide what is written for an image."""
    files = ('config', 'checkpoint', 'objects', 'font')
    elsewhere = ('inputs', 'out', 'features', 'overwrite', 'batch_size', 'device')
    limits = ('max_pixels', 'max_objects')
    return {
        name: describe_file(value) if name in files else value
        for name, value in settings_of_images(vars(args)).items()
        if name not in (*elsewhere, *limits)
    }


def goes_on(args: argparse.Namespace, console: Console) -> bool:
    """Whether images that an earlier run has parsed are left out."""
    changed = changed_settings(args.out, settings_of(args))
    if changed:
        console.print(
            f'{args.out} was written with other settings ({", ".join(changed)}): all images are '
            'parsed again',
            soft_wrap=True,
        )
    return changed == [] and not args.overwrite


def main() -> None:
    args = parse_args()
    # Names of files and classes may look like markup.
    console = Console(markup=False, emoji=False)
    errors, skipped = [], []

    def report(error: Exception) -> None:
        errors.append(error)
        Console(stderr=True).print(
            f'mmsgp-infer: {error}', markup=False, emoji=False, highlight=False, soft_wrap=True
        )

    try:
        given = read_objects(args.objects) if args.objects else {}
        if args.font:
            add_font(args.font)
        if args.model:  # the settings of the run then name its files, which may change
            args.config, args.checkpoint = resolve_model(args.model, args.checkpoint)
        if args.track or args.webcam is not None:
            return run_streams(args, console, report)
        inferencer = SceneGraphInferencer(
            args.config,
            args.checkpoint,
            args.device,
            max_pixels=args.max_pixels,
            max_objects=args.max_objects,
        )
        number, graph = 0, None
        overwrite = not goes_on(args, console)
        with collecting_unwritten() as unwritten:
            keep_settings(args.out, settings_of(args))
            for result in inferencer.stream(
                args.inputs,
                batch_size=args.batch_size,
                topk=args.topk,
                pred_score_thr=args.score_thr,
                out_dir=args.out,
                no_save_vis=args.no_pictures,
                formats=args.formats,
                on_error=report,
                on_skipped=skipped.append,
                features=args.features,
                overwrite=overwrite,
                rank_by=args.rank_by,
                predicates_per_pair=args.predicates_per_pair,
                object_score_thr=args.object_score_thr,
                top_objects=args.top_objects,
                **given,
            ):
                number, graph = number + 1, result['predictions']
                if unwritten:  # a graph that was not written is printed
                    print_relations(console, graph)
    except WrongNumber as error:
        sys.exit(f'mmsgp-infer: {args.objects}: {error}')
    except (OSError, ValueError) as error:
        sys.exit(f'mmsgp-infer: {error}')
    if unwritten:
        sys.exit(f'mmsgp-infer: cannot write {", ".join(unwritten)}')
    if number == 1:
        print_relations(console, graph)
    pictures = '' if args.no_pictures else f', pictures into {args.out / "vis"}'
    graphs = '1 graph' if number == 1 else f'{number} graphs'
    console.print(f'{graphs} written into {args.out / "preds"}{pictures}')
    if skipped:
        console.print(
            f'{len(skipped)} images were parsed by an earlier run and are left out; '
            '--overwrite parses them again',
            soft_wrap=True,
        )
    if errors:
        sys.exit(f'mmsgp-infer: {len(errors)} of {number + len(errors)} images could not be parsed')


if __name__ == '__main__':
    main()
