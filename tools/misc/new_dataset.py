"""Write the configs of a detector and a parser for a folder of annotated images.

They are a starting point: each says in comments what was counted and what was
assumed. Formats are those of tools/dataset_converters/convert.py.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from mmsgp.cli.arguments import positive
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.format_datasets import FormatDataset
from mmsgp.datasets.formats import FORMATS
from mmsgp.datasets.graph_annotations import SPLITS, GraphAnnotations
from mmsgp.datasets.splits import has_val_split, num_training_images
from mmsgp.datasets.transforms.flip import unpaired_predicates
from mmsgp.structures.bbox import boxes_overlap
from mmsgp.utils.files import replacing

# From this share of relations whose boxes do not overlap, all pairs are candidates.
MOST_APART = 0.05
CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
DATASETS = {
    'vg-sgg': 'VGDataset',
    'psg': 'PSGDataset',
    **{kind.FORMAT: kind.__name__ for kind in FormatDataset.__subclasses__()},
}
# Those whose files have names of their own, by which a folder is recognised.
RECOGNISED = ('vg-sgg', 'coco-relations', 'coco-rel-json', 'psg', 'open-images', 'gqa-200', 'vrd')
FEWEST_IMAGES = 4


@dataclass(frozen=True)
class Recipe:
    """How a detector and a parser are trained, and on how large images.

    Attributes:
        base: The data set whose configs are the base.
        sides: Smallest and largest side of a scaled image, in pixels.
        batch_size: Largest one.
        num_seen: Images that a training sees, all epochs together.
        most_epochs: Limit of the epochs, for few images.
        detector_lr: Learning rate of the detector, for ``batch_size``.
        parser_lr: Of the parser.
        optimizer: That of the detector, where it is not the one of ``base``.
    """

    base: str
    sides: tuple[int, int]
    batch_size: int
    num_seen: int
    most_epochs: int
    detector_lr: float
    parser_lr: float
    optimizer: dict = field(default_factory=dict)


# Some hundred steps from random weights find nothing by SGD, and all by Adam.
ADAM = dict(_delete_=True, type='AdamW', weight_decay=1e-4)
RECIPES = {
    'small': Recipe('minivg', (160, 320), 8, 4000, 40, 2e-3, 1e-3, ADAM),
    'vgg16': Recipe('vg', (320, 592), 6, 100_000, 200, 6e-3, 6e-3),
}


@dataclass(frozen=True)
class Plan:
    """What the configs say."""

    recipe: Recipe
    num_train: int
    num_val: int
    has_val: bool
    has_test: bool
    side: int
    batch_size: int
    apart: float  # share of relations whose boxes do not overlap
    one_sided: tuple[str, ...]  # predicates that a flip of the image would make wrong

    @property
    def epochs(self) -> int:
        """int: At least 4, and so many that few images are seen often."""
        wanted = math.ceil(self.recipe.num_seen / self.num_train)
        return min(self.recipe.most_epochs, max(4, wanted))

    @property
    def interval(self) -> int:
        """int: Epochs between two validations, ten of them in all."""
        return max(1, self.epochs // 10)

    def rate(self, lr: float) -> float:
        """Return a learning rate in proportion to the batch size."""
        return float(f'{lr * self.batch_size / self.recipe.batch_size:.2g}')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('data', metavar='FOLDER', type=Path, help='the annotations: folder or file')
    parser.add_argument('--name', required=True, help='name of the data set, in file names')
    parser.add_argument(
        '--output', type=Path, default=Path('configs'), help='folder of the configs (configs)'
    )
    parser.add_argument('--format', choices=FORMATS, help='(default: by the files)')
    parser.add_argument('--images', nargs='+', help='folders of the images, within FOLDER')
    parser.add_argument(
        '--detector',
        choices=RECIPES,
        help='small: from scratch, for a CPU and small images; vgg16: from weights of '
        'ImageNet, for a GPU (default: vgg16 if there is a GPU)',
    )
    parser.add_argument('--batch-size', type=positive, help='(default: by the number of images)')
    args = parser.parse_args()
    if not args.name.isidentifier():
        parser.error(f'--name {args.name}: only letters, digits and _, because files are named so')
    return args


def read_any(path: Path, chosen: str | None) -> tuple[str, GraphAnnotations]:
    """Read annotations in a given format, or in the one that the files have.

    Raises:
        OSError: If it holds no annotations.
        ValueError: If they are wrong.
    """
    for name in (chosen,) if chosen else RECOGNISED:
        try:
            return name, FORMATS[name].read(os.fspath(path))
        except (FileNotFoundError, NotADirectoryError) as error:
            if chosen or not path.exists():
                raise FileNotFoundError(f'{path}: {error}') from error
    raise FileNotFoundError(
        f'{path} has the files of none of the formats {", ".join(RECOGNISED)}: give --format and '
        f'the file itself ({", ".join(sorted(set(FORMATS) - set(RECOGNISED)))}), or convert it'
    )


def make_plan(annotations: GraphAnnotations, recipe: Recipe, batch_size: int | None) -> Plan:
    """Choose sizes by the numbers of images.

    Raises:
        ValueError: If there are too few.
    """
    has_val = has_val_split(annotations)
    counted = num_training_images(annotations)
    num_val = 0 if has_val else max(1, min(5000, counted // 10))
    num_train = counted - num_val
    if num_train < FEWEST_IMAGES:
        raise ValueError(
            f'{counted} training images have boxes and relations: {FEWEST_IMAGES + num_val} '
            'are the fewest to train and validate on'
        )
    # at least ten steps an epoch
    batch_size = batch_size or max(2, min(recipe.batch_size, num_train // 10))
    low, high = recipe.sides
    first = annotations.box_offsets[annotations.image_of_relation]
    subjects, objects = (
        annotations.boxes[first + annotations.relations[:, role]] for role in (0, 1)
    )
    longest = np.median(annotations.sizes.max(axis=1))
    return Plan(
        recipe=recipe,
        num_train=num_train,
        num_val=num_val,
        has_val=has_val,
        has_test=bool((annotations.splits == SPLITS.index('test')).any()),
        side=int(np.clip(math.ceil(longest / 32) * 32, low, high)),
        batch_size=batch_size,
        apart=1 - float(boxes_overlap(subjects, objects).mean()),
        one_sided=unpaired_predicates(tuple(annotations.predicates)),
    )


def image_folders(root: Path, kind: str, split: str, given: Sequence[str] | None) -> list[str]:
    """Return the folders of images that exist."""
    folders = given or FORMATS[kind].folders(split)
    return [folder for folder in dict.fromkeys(folders) if (root / folder).is_dir()] or ['']


def data_lines(root: Path, ann_file: str, kind: str, plan: Plan, args: argparse.Namespace) -> str:
    """Write the part that says which data are read."""
    lines = [f'data_root = {f"{root.as_posix()}/"!r}']
    for split in SPLITS:
        source = dict(
            type=DATASETS[kind],
            **(dict(ann_file=ann_file) if ann_file else {}),
            data_prefix=dict(img=image_folders(root, kind, split, args.images)),
            num_val_images=plan.num_val,
        )
        if split == 'test' and not plan.has_test:
            source['split'] = 'val'
        size = dict(batch_size=plan.batch_size) if split == 'train' else {}
        # few images are loaded before a worker has started
        size['num_workers'] = 0 if plan.num_train < 200 else 2
        lines.append(f'{split}_dataloader = {as_code(dict(**size, dataset=source))}')
    return '\n'.join(lines)


def as_code(values: dict, indent: str = '') -> str:
    """Write a dict as a config does, one key a line where it holds another dict."""
    items = [
        f'{key}={as_code(value, indent + "    ") if isinstance(value, dict) else repr(value)}'
        for key, value in values.items()
    ]
    if any(isinstance(value, dict) for value in values.values()):
        inner = ''.join(f'\n{indent}    {item},' for item in items)
        return f'dict({inner}\n{indent})'
    return f'dict({", ".join(items)})'


def head_lines(annotations: GraphAnnotations, plan: Plan) -> str:
    """Write what was counted and assumed."""
    width, height = np.median(annotations.sizes, axis=0).astype(int)
    val = 'its own' if plan.has_val else f'the first {plan.num_val} training images'
    test = 'its own' if plan.has_test else 'the validation images, because there is no other'
    numbers = f'{len(annotations.boxes)} boxes and {len(annotations.relations)} relations'
    return f"""# Counted: {plan.num_train} images to train on; in all {numbers}.
# Assumed, change it if you know better:
# - validation: {val}; test: {test};
# - images, {width} x {height} in the median, are scaled to at most {plan.side} pixels a side: more
#   finds smaller objects and takes longer;
# - batches of {plan.batch_size}, and learning rates in proportion to that;
# - {plan.epochs} epochs, validated every {plan.interval}: about {plan.epochs * plan.num_train} \
images are seen."""


def schedule_lines(plan: Plan, lr: float, optimizer: dict | None = None) -> str:
    optimizer = dict(optimizer or {}, lr=plan.rate(lr))
    steps = plan.epochs * math.ceil(plan.num_train / plan.batch_size)
    return f"""train_cfg = dict(max_epochs={plan.epochs}, val_interval={plan.interval})
default_hooks = dict(checkpoint=dict(interval={plan.interval}))
optim_wrapper = dict(optimizer={as_code(optimizer)})
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end={min(500, max(1, steps // 10))}),
    dict(type='MultiStepLR', milestones=[{max(1, plan.epochs * 3 // 4)}], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size={plan.batch_size})"""


def pair_lines(plan: Plan) -> str:
    """The setting of SGGen's pairs, if relations need another than the default."""
    if plan.apart < MOST_APART:
        return ''
    return (
        f'# {100 * plan.apart:.0f} % of the relations join boxes that do not overlap.\n'
        "model.update(sggen_pairs='all')\n"
    )


def flip_lines(plan: Plan) -> str:
    """The pipeline, if a flip of the image would make predicates wrong."""
    if not plan.one_sided:
        return ''
    names = ' or '.join(map(repr, plan.one_sided))
    return f"""# Images with {names} are not flipped: no predicate is its mirror image.
train_dataloader['dataset']['pipeline'] = [
    dict(step, unpaired='no_flip') if step.type == 'SceneGraphRandomFlip' else step
    for step in _base_.train_pipeline
]
"""


def write_configs(args: argparse.Namespace) -> tuple[Path, Plan]:
    """Write the two configs, and return the parser's path and what was planned."""
    kind, annotations = read_any(args.data, args.format)
    annotations.check(str(args.data))
    recipe = RECIPES[args.detector or ('vgg16' if torch.cuda.is_available() else 'small')]
    plan = make_plan(annotations, recipe, args.batch_size)
    is_file = args.data.is_file()
    root, ann_file = (args.data.parent, args.data.name) if is_file else (args.data, '')
    bases = Path(os.path.relpath(CONFIGS, args.output.resolve()))
    detector, parser = (
        args.output / f'{model}_{args.name}.py'
        for model in ('faster_rcnn_vgg16', 'motifnet_cce_scorer')
    )
    common = f"""
{data_lines(root, ann_file, kind, plan, args)}
img_scale = ({plan.side}, {plan.side})
num_classes = {len(annotations.classes)}
num_predicates = {len(annotations.predicates)}

"""
    head = head_lines(annotations, plan)
    texts = {
        detector: f"""# A detector of {args.name}, for the parser beside it.
{head}
_base_ = '{(bases / f'faster_rcnn_vgg16_{recipe.base}.py').as_posix()}'
{common}{schedule_lines(plan, recipe.detector_lr, recipe.optimizer)}
""",
        parser: f"""# A parser of {args.name}. tools/train.py trains its detector first.
{head}
_base_ = '{(bases / f'motifnet_cce_scorer_{recipe.base}.py').as_posix()}'
{common}{flip_lines(plan)}detector_config = {detector.as_posix()!r}
checkpoint = 'work_dirs/{detector.stem}/detector.pth'
model = dict(detector=dict(init_cfg=dict(checkpoint=checkpoint)))
{pair_lines(plan)}{schedule_lines(plan, recipe.parser_lr)}
""",
    }
    for path in texts:
        if path.exists():
            raise FileExistsError(f'{path} exists: choose another --name or --output, or remove it')
    for path, text in texts.items():
        with replacing(path) as draft:
            draft.write_text(text, encoding='utf-8')
    return parser, plan


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        parser, plan = write_configs(args)
    checkpoint = f'work_dirs/{parser.stem}/epoch_{plan.epochs}.pth'
    print(f"""{parser} and the config of its detector are written. Next:
python tools/misc/check_dataset.py {parser} --images
python tools/train.py {parser}
python tools/test.py {parser} {checkpoint}
mmsgp-infer IMAGE --checkpoint {checkpoint} --out parsed""")


if __name__ == '__main__':
    main()
