"""Check that a resumed run goes on with the schedule that its config says."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.config import Config

from mmsgp.checkpoint.config_text import parse_config_text

# What the states of optimiser and schedulers in a checkpoint replace.
REPLACED = ('optim_wrapper.optimizer', 'optim_wrapper.paramwise_cfg', 'param_scheduler')


class ChangedSchedule(ValueError):
    """A run that is resumed asks for another schedule than its checkpoint has."""


def check_schedule(cfg: Config, meta: dict, source: str) -> None:
    """Check that a config asks for the schedule of the checkpoint it resumes from.

    Optimiser and schedulers go on with their state in the checkpoint, milestones
    and learning rate included, so that a change in the config would do nothing.
    ``train_cfg.max_epochs`` may change, but must leave something to do.

    Args:
        cfg: The config of the run.
        meta: The checkpoint's; without a config nothing is compared.
        source: The checkpoint, for errors.

    Raises:
        ChangedSchedule: If they differ; it names the keys.
    """
    for unit, done in (('max_epochs', 'epoch'), ('max_iters', 'iter')):
        most = cfg.get('train_cfg', {}).get(unit)
        if most is not None and most < meta.get(done, 0):
            raise ChangedSchedule(
                f'--resume: train_cfg.{unit} is {most}, but {source} was saved after '
                f'{meta[done]}: set it to more than {meta[done]}'
            )
    try:
        before = parse_config_text(meta['cfg'], source)
    except (KeyError, ValueError):  # saved by another program
        return
    changes = [
        f'{key} was {old!r} and is {new!r}'
        for key in REPLACED
        for key, old, new in _differences(key, _at(before, key), _at(cfg.to_dict(), key))
    ]
    if changes:
        raise ChangedSchedule(
            f'--resume: {"; ".join(changes)}. A resumed run goes on with the optimiser and '
            f'the schedule of {source}, so this would change nothing: set it as it was, or '
            f'begin a new schedule from these weights, in another --work-dir with '
            f'--cfg-options load_from={source}'
        )


def _at(values: dict, key: str) -> object:
    for part in key.split('.'):
        values = values.get(part) or {}
    return values


def _differences(key: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    """Yield dotted key, old and new value of all settings that differ."""
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        if any(isinstance(value, dict) for value in (*old, *new)):
            old, new = dict(enumerate(old)), dict(enumerate(new))
        else:
            old, new = list(old), list(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differences(f'{key}.{name}', old.get(name), new.get(name))
    elif old != new:
        yield key, old, new
