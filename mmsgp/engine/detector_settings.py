"""Settings that a parser hands to the training of its detector."""

from __future__ import annotations

from mmengine.config import Config

from mmsgp.engine.config_variables import SIZES, change_variables, innermost_places

# Settings of a data set that a detector's own config decides, or only a parser needs.
_OWN = (
    'pipeline', 'split', 'filter_cfg', 'test_mode', 'lazy_init', 'indices', 'max_refetch',
    'backend_args',
)  # fmt: skip


def detector_settings(cfg: Config, own: Config) -> dict:
    """Return what must change in a detector's config, so that it fits a parser.

    Both then read the same data, and scale images to the same size, however the
    parser's config got its own: by a variable or at each place.

    Args:
        cfg: The parser's config.
        own: The detector's, as its file says; it is changed.

    Returns:
        dict: Values by dotted key, for ``--cfg-options``.

    Raises:
        ValueError: If the two join different numbers of data sets, of other folders.
    """
    wanted, present = _facts(cfg), _facts(own)
    settings = {
        name: value
        for name, value in wanted.items()
        if name in own and present.get(name) not in (None, value)
    }
    if present.get('data_root') != own.get('data_root'):  # set at each loader, see below
        settings.pop('data_root', None)
    change_variables(own, settings)
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        ours, theirs = (
            [found for found in innermost_places(config) if found[0].startswith(loader)]
            for config in (cfg, own)
        )
        if len(ours) != len(theirs):  # joined data sets
            _check_same_roots(ours, theirs, loader, own)
            continue
        for (_, dataset), (place, other) in zip(ours, theirs):
            for key in sorted(set(dataset) - set(_OWN)):
                if other.get(key) != dataset[key]:
                    settings[f'{place}.{key}'] = dataset[key]
    return {key: _plain(value) for key, value in settings.items()}


def _check_same_roots(ours: list, theirs: list, loader: str, own: Config) -> None:
    roots, others = ({dataset.get('data_root') for _, dataset in some} for some in (ours, theirs))
    if roots != others:
        raise ValueError(
            f'{loader} reads {len(ours)} data sets, of {sorted(map(str, roots))}, but that of the '
            f'detector in {own.filename} reads {len(theirs)}, of {sorted(map(str, others))}: set '
            'detector_config to a config with the same data sets'
        )


def _facts(cfg: Config) -> dict:
    """Return the values that the variables of a config have in their places."""
    facts = {name: cfg[name] for name in SIZES if cfg.get(name) is not None}
    for _, dataset in innermost_places(cfg)[:1]:
        scales = [s['scale'] for s in dataset.get('pipeline', ()) if s.get('type') == 'Resize']
        facts.update(data_root=dataset.get('data_root'), img_scale=scales[0] if scales else None)
    return {name: value for name, value in facts.items() if value is not None}


def _plain(value: object) -> object:
    """Return a value without the config's own types, which have no literal."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value
