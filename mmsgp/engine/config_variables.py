"""Variables that a config writes once and reads in several places.

MMEngine puts the value of a variable in its places while it reads the file in which
they stand. A file on top of it, or a setting of the command line, that changes the
variable afterwards would change nothing. Here it changes the places too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from inspect import signature
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmsgp.registry import SCOPE, find_config

# Each variable with the keys of the places that read it.
VARIABLES = {
    'data_root': ('data_root',),
    'img_scale': ('scale', 'pad_to'),
    'num_classes': ('num_classes',),
    'num_predicates': ('num_predicates',),
}
# These two are facts of the data, see fill_in_sizes.
SIZES = ('num_classes', 'num_predicates')
# Settings of data sets: given without a place, they act on all of them.
DATASET_SETTINGS = ('num_val_images', 'skip_missing_images', 'data_prefix')
# Ends of keys whose values are paths.
PATHS = ('root', 'file', 'checkpoint', 'load_from', 'work_dir', 'config')
# Keys that something reads when the run starts; all others are variables.
SETTINGS = {
    *signature(Runner.__init__).parameters,
    'detector_config',
    'load_from_by_name',
} - {'self', 'cfg'}


def merge_options(cfg: Config, options: Mapping | None) -> None:
    """Merge the settings of a command line into a config.

    Args:
        cfg: The config; it is changed.
        options: Values by dotted key. Defaults to None.

    Raises:
        ValueError: If a setting would change nothing.
    """
    options = dict(options or {})
    for key, value in options.items():
        _check_path(key, value)
    for name in DATASET_SETTINGS:
        if name in options and name not in cfg:
            value = options.pop(name)
            # first, so that a place that is given goes before
            options = {**{f'{p}.{name}': value for p, _ in innermost_places(cfg)}, **options}
    change_variables(
        cfg, {name: options.pop(name) for name in VARIABLES if name in options and name in cfg}
    )
    for key in options:
        if key.split('.')[0] not in SETTINGS:
            raise ValueError(_without_effect(cfg, key))
    cfg.merge_from_dict(options)


def _check_path(key: str, value: object) -> None:
    """Check that a path was not read as something else. Raises a ValueError."""
    if not key.endswith(PATHS) or isinstance(value, (str, bool, dict, type(None))):
        return
    is_list = isinstance(value, (list, tuple))
    text = ','.join(map(str, value)) if is_list else value
    raise ValueError(
        f'--cfg-options {key} is read as a {"list" if is_list else "number"}, {value!r}: '
        f'put the text in quotes of its own: "{key}=\'{text}\'"'
    )


def innermost_places(cfg: Config) -> list[tuple[str, dict]]:
    """Return the data sets that the loaders read, inside their wrappers.

    Returns:
        list: The dotted key and the config of each.
    """

    def inside(place: str, node: Mapping) -> Iterator[tuple[str, dict]]:
        if 'dataset' in node:
            yield from inside(f'{place}.dataset', node['dataset'])
        elif 'datasets' in node:
            for i, part in enumerate(node['datasets']):
                yield from inside(f'{place}.datasets.{i}', part)
        else:
            yield place, node

    loaders = (f'{split}_dataloader' for split in ('train', 'val', 'test'))
    return [found for name in loaders if cfg.get(name) for found in inside(name, cfg[name])]


def change_variables(cfg: Config, values: Mapping) -> None:
    """Change variables and all places that have their value.

    Where another ``data_root`` comes without numbers of classes and predicates,
    those of the config no longer hold: they become None.

    Raises:
        ValueError: If no place has the value of a variable, or a value is not
            of the variable's kind.
    """
    if values.get('data_root', cfg.get('data_root')) != cfg.get('data_root'):
        values = {**{name: None for name in SIZES if name in cfg}, **values}
    for name, value in values.items():
        old = cfg[name]
        if isinstance(old, (tuple, list)):
            if not isinstance(value, (tuple, list)) or len(value) != len(old):
                raise ValueError(f'{name} must be {len(old)} numbers such as {old}, got {value!r}')
            value = type(old)(value)
        places = [
            (owner, key)
            for owner, key, _ in _places(cfg)
            if key in VARIABLES[name] and owner[key] == old
        ]
        if not places and name not in SIZES:  # a detector has no predicates
            raise ValueError(
                f'{name}={value!r} would change nothing: no '
                f'{" or ".join(VARIABLES[name])} in {cfg.filename} is {old!r}. '
                'Set the places themselves'
            )
        for owner, key in places:
            owner[key] = value
        cfg[name] = value


def follow_files(cfg: Config, path: str | Path) -> None:
    """Apply variables that a config file, or a base of it, sets too late.

    Args:
        cfg: The config of the file; it is changed.
        path: The file.
    """
    late = _set_too_late(Path(path))
    for name, (old, _) in late.items():
        cfg[name] = old
    change_variables(cfg, {name: new for name, (_, new) in late.items()})


def _set_too_late(path: Path) -> dict[str, tuple]:
    """Return the value in the places and the one that is set later, by variable."""
    assigned, bases = _read_assignments(path)
    late: dict[str, tuple] = {}
    for base in bases:
        late.update(_set_too_late(base))
    assigned &= VARIABLES.keys()
    if not assigned or not bases:
        return late
    cfg, before = Config.fromfile(path), {}
    for base in bases:
        before.update(Config.fromfile(base)._cfg_dict)
    for name in assigned & before.keys():
        values = [owner[key] for owner, key, _ in _places(cfg) if key in VARIABLES[name]]
        old, _ = late.pop(name, (before[name], None))
        # else the file has filled the places itself
        if old in values and cfg[name] not in values:
            late[name] = old, cfg[name]
    return late


def _read_assignments(path: Path) -> tuple[set[str], list[Path]]:
    """Return the names that a file may assign, and its base files."""
    names = set(VARIABLES)  # of JSON or YAML
    try:
        bases = Config._get_base_files(str(path))  # a list, computed or not
        if path.suffix == '.py':
            tree = ast.parse(path.read_text(encoding='utf-8'))
            names = {
                node.id
                for node in ast.walk(tree)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    except SyntaxError:  # a template of MMEngine
        return set(), []
    if not bases and '_base_' in names and not _assigns_plainly(tree, '_base_'):
        raise ValueError(
            f"{path}: MMEngine reads '_base_' only from a line of its own "
            "such as _base_ = './other.py': write it so"
        )
    # '::' names a config of a package, of which only the own ones are followed
    bases = [base for base in bases if '::' not in base or base.startswith(SCOPE)]
    return names, [path.parent / find_config(base) for base in bases]


def _assigns_plainly(tree: ast.Module, name: str) -> bool:
    return any(
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == name
        for node in tree.body
    )


def _places(cfg: Config) -> Iterator[tuple[dict, str, str]]:
    """Yield the owner, key and dotted path of all settings that a run reads."""
    yield from _walk({key: value for key, value in cfg.items() if key in SETTINGS})


def _walk(node: object, path: str = '') -> Iterator[tuple[dict, str, str]]:
    if isinstance(node, dict):
        for key, value in list(node.items()):
            yield node, key, f'{path}{key}'
            yield from _walk(value, f'{path}{key}.')
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from _walk(value, f'{path}{i}.')


def _without_effect(cfg: Config, key: str) -> str:
    name = key.split('.')[0]
    if name not in cfg:
        return f'--cfg-options {key}: nothing reads a setting {name!r}'
    places = [
        path
        for owner, key, path in _places(cfg)
        if cfg[name] is not None and owner[key] == cfg[name]
    ]
    return (
        f'--cfg-options {key} would change nothing: {name!r} is a variable of '
        'the config, whose value is in its places already. Set '
        f'{" and ".join(places) or "these"} instead'
    )
