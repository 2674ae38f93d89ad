"""Numbers of classes and predicates, which are facts of the data."""

from __future__ import annotations

from mmengine.config import Config

from mmsgp.datasets.splits import has_val_split, num_training_images
from mmsgp.engine.config_variables import SIZES
from mmsgp.registry import DATASETS


def fill_in_sizes(cfg: Config, split: str = 'train') -> None:
    """Give a model the numbers of classes and predicates of its data set.

    Where the config leaves them out or has None they are taken from the names
    of the data set; a number that is there must be that of the data.

    Args:
        cfg: Config of a detector or a parser; it is changed.
        split: Split whose data set is read. Defaults to ``'train'``.

    Raises:
        OSError: If a number is missing, and the file of the names too.
        ValueError: If a number contradicts the data, or is missing and the
            data set does not know its names.
    """
    slots = _slots(cfg.model)
    missing = [place for place, (owner, key) in slots.items() if owner.get(key) is None]
    dataset = _innermost(cfg[f'{split}_dataloader'].dataset)
    try:
        sizes = _read_sizes(dataset)
    except OSError:  # the data set reports it when it is built
        if missing:
            raise
        return
    if sizes is None:
        if missing:
            raise ValueError(
                f'{missing[0]} is missing, and a {dataset.type} does '
                'not give it: set it in the config'
            )
        return
    wrong = {p: owner[key] for p, (owner, key) in slots.items() if owner.get(key) is not None}
    wrong = {p: value for p, value in wrong.items() if value != sizes[slots[p][1]]}
    if wrong:
        raise ValueError(_contradictions(cfg, dataset, wrong, sizes))
    for owner, key in slots.values():
        owner[key] = sizes[key]
    cfg.update({key: sizes[key] for key in SIZES if key in cfg})


def _contradictions(cfg: Config, dataset: dict, wrong: dict, sizes: dict) -> str:
    """Say in one message all that does not fit the data, and the command that mends it."""
    options = [f'{key}={sizes[key]}' for key in SIZES if any(p.endswith(key) for p in wrong)]
    wrong = [f'{place} is {value}' for place, value in wrong.items()]
    try:
        built = DATASETS.build({**dataset, 'lazy_init': True, 'pipeline': []})
        annotations = built.load_annotations()
        num_images = num_training_images(annotations)
        if not has_val_split(annotations) and num_images <= built.num_val_images:
            wrong.append(
                f'num_val_images is {built.num_val_images}, and only {num_images} training '
                'images have boxes and relations'
            )
            options.append(f'num_val_images={max(1, num_images // 10)}')
    except (OSError, ValueError, AttributeError):
        pass  # the data set reports it when it is built
    return (
        f'{", ".join(wrong)}; but the data set in {dataset.get("data_root", "")!r} has '
        f'{sizes["num_classes"]} classes and {sizes["num_predicates"]} predicates. Set '
        f'--cfg-options {" ".join(options)} (or leave the numbers of classes and '
        f'predicates out of {cfg.filename}: they are read from the data)'
    )


def _slots(model: dict) -> dict[str, tuple[dict, str]]:
    """Return the owner and key of each number in the config of a model, by place."""
    slots = {}
    if 'relation_head' in model:
        for key in SIZES:
            slots[f'model.relation_head.{key}'] = model.relation_head, key
    place = 'model.detector.' if 'detector' in model else 'model.'
    detector = model.get('detector', model)
    if detector.get('roi_head'):
        detector, place = detector.roi_head, f'{place}roi_head.'
    heads = detector.get('bbox_head') or []
    if isinstance(heads, dict):
        heads = [heads]
    for i, head in enumerate(heads):
        stage = f'.{i}' if len(heads) > 1 else ''
        slots[f'{place}bbox_head{stage}.num_classes'] = head, 'num_classes'
    return slots


def _innermost(dataset: dict) -> dict:
    while 'dataset' in dataset:
        dataset = dataset.dataset
    return dataset


def _read_sizes(dataset: dict) -> dict[str, int] | None:
    """Return the numbers of a data set; None if it does not know its names."""
    names = read_names(dataset)
    if not names:
        return None
    return dict(num_classes=len(names['classes']), num_predicates=len(names['predicates']))


def read_names(dataset: dict) -> dict | None:
    """Read ``classes`` and ``predicates`` without the data set's annotations.

    Args:
        dataset: Config of a data set, or of a wrapper of one.

    Returns:
        dict, optional: None if the data set cannot give its names.
    """
    dataset = _innermost(dataset)
    kind = dataset.get('type')  # a registered name or a class
    if isinstance(kind, str):
        kind = DATASETS.get(kind)
    read = getattr(kind, 'read_names', None)
    if read is None:
        return None
    return read(**{k: v for k, v in dataset.items() if k != 'type'})
