"""Transfer annotations to rarer predicates and to unannotated pairs (IETrans).

Both commands read predictions of a trained model on the training images, with all
predicates of all pairs:

    tools/test.py CONFIG CHECKPOINT --tasks predcls --out train.h5 --cfg-options
        test_dataloader.dataset.split=train test_evaluator.ng_limit=1000000

internal: relations of a frequent predicate get one that says more of their pair.
external: pairs of overlapping boxes without a relation get one.

To combine them, give external the file that internal wrote as --add-to. Train on the result with
train_dataloader.dataset.ann_file=FILE.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.data_transfer import count_triplets, external_transfer, internal_transfer
from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.vg_sgg.names import read_vg_names
from mmsgp.datasets.vg_sgg.reader import read_vg_annotations
from mmsgp.datasets.vg_sgg.writer import ANN_FILE, DICT_FILE, IMAGE_FILE, write_relations
from mmsgp.evaluation import PredictionFile
from mmsgp.evaluation.distributions import distribution_of
from mmsgp.structures.bbox import boxes_overlap


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('transfer', choices=('internal', 'external'))
    parser.add_argument('predictions', help='file of tools/test.py --out, see above')
    parser.add_argument('data_root', type=Path, help='folder of the data set (VG-SGG format)')
    parser.add_argument('out', type=Path, help='annotation file to write (.h5)')
    parser.add_argument(
        '--ann-file', default=ANN_FILE, help='annotations to change (default: %(default)s)'
    )
    parser.add_argument(
        '--ratio', type=float, help='share that is transferred (default: 0.7, external 1.0)'
    )
    parser.add_argument(
        '--num-frequent',
        type=int,
        help='external: most frequent predicates that no pair gets (default: 30 %% of all)',
    )
    parser.add_argument(
        '--add-to',
        metavar='FILE',
        help='external: annotation file that gets the new relations (default: --ann-file)',
    )
    args = parser.parse_args()
    if args.ratio is None:
        args.ratio = 0.7 if args.transfer == 'internal' else 1.0
    if not 0 < args.ratio <= 1:
        parser.error(f'--ratio must be above 0 and at most 1, got {args.ratio}')
    if args.transfer == 'internal' and (args.num_frequent, args.add_to) != (None, None):
        parser.error('--num-frequent and --add-to are for external')
    return args


def read_distributions(path: str, num_predicates: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the image id and (N, N, R+1) probabilities of all pairs, unknown first.

    Raises:
        ValueError: If the file lacks the task or some predicates of some pairs.
    """
    predictions = PredictionFile(path, rank_by='probability')
    for sample in track(predictions, 'Reading', len(predictions), transient=True):
        graph = sample['pred_scene_graphs'].get('predcls')
        if graph is None:
            raise ValueError(f'{path} has no predcls: write it with tools/test.py --tasks predcls')
        size = len(graph['objects']['labels'])
        table = np.zeros((size, size, num_predicates + 1))
        table[tuple(graph['relations']['pairs'].numpy().T)] = distribution_of(
            graph, num_predicates, f'{path}: image {sample["img_id"]}'
        )
        yield sample['img_id'], table


def read_annotations(args: argparse.Namespace, ann_file: str) -> GraphAnnotations:
    """Read annotations of the data set."""
    if args.out.resolve() == (args.data_root / ann_file).resolve():
        raise ValueError(f'{args.out} is the file that is read: choose another name')
    return read_vg_annotations(
        str(args.data_root / ann_file),
        str(args.data_root / IMAGE_FILE),
        *read_vg_names(args.data_root / DICT_FILE),
    )


def unannotated(image: dict, boxes: np.ndarray) -> np.ndarray:
    """List ordered pairs (U, 2) of overlapping boxes without a relation."""
    free = boxes_overlap(boxes[:, None], boxes)
    np.fill_diagonal(free, False)
    free[tuple(image['relations'][:, :2].T)] = False
    return np.argwhere(free)


def run(args: argparse.Namespace) -> None:
    """Read annotations and predictions, transfer, and write."""
    data = read_annotations(args, args.ann_file)
    num_predicates = len(data.predicates)
    row_of = {image_id: row for row, image_id in enumerate(data.image_ids.tolist())}
    used, pairs, probabilities = [], [], []
    for image_id, table in read_distributions(args.predictions, num_predicates):
        row = row_of.get(image_id)
        if row is None or len(table) != data.num_boxes[row]:
            raise ValueError(
                f'{args.predictions} has image {image_id} with {len(table)} objects, which '
                f'{args.ann_file} has not: predict on the training images of this data set'
            )
        image = data[row]
        boxes = data.boxes[data.box_offsets[row] : data.box_offsets[row + 1]]
        used.append(row)
        pairs.append(
            image['relations'][:, :2] if args.transfer == 'internal' else unannotated(image, boxes)
        )
        probabilities.append(table[tuple(pairs[-1].T)].astype(np.float32))
    images = data.subset(used)
    triplets = np.column_stack([images.triplets[i] for i in (0, 1, 2)])
    counts = count_triplets(triplets, len(data.classes), num_predicates)
    probabilities = np.concatenate(probabilities)
    ends = np.cumsum([len(of_image) for of_image in pairs])[:-1]
    if args.transfer == 'internal':
        labels = internal_transfer(triplets, probabilities[:, 1:], counts, args.ratio)
        changed = (labels != triplets[:, 2]).sum()
        relations = [data[row]['relations'] for row in range(len(data))]
        for row, new in zip(used, np.split(labels, ends)):
            relations[row][:, 2] = new
    else:
        first = np.repeat(images.box_offsets[:-1], [len(of_image) for of_image in pairs])
        classes = images.labels[first[:, None] + np.concatenate(pairs)]
        frequent = args.num_frequent
        if frequent is None:
            frequent = round(0.3 * num_predicates)
        labels = external_transfer(classes, probabilities, counts, args.ratio, frequent)
        changed = (labels > 0).sum()
        base = data if args.add_to is None else read_annotations(args, args.add_to)
        relations = [base[row]['relations'] for row in range(len(base))]
        for row, of_image, new in zip(used, pairs, np.split(labels, ends)):
            added = np.column_stack([of_image, new])[new > 0]
            relations[row] = np.concatenate([relations[row], added])
    write_relations(args.data_root / args.ann_file, args.out, relations)
    print(f'{args.out}: {changed} relations {args.transfer}ly transferred')


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        run(args)


if __name__ == '__main__':
    main()
