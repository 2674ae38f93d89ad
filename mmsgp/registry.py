"""MMSGP's registries: children of MMDetection's, under the scope ``mmsgp``.

A component that MMSGP does not define is searched in MMDetection, then in
MMEngine; a config names all of them in the same way.

``mmsgp::NAME.py`` names one of MMSGP's configs, in calls of MMEngine, too.
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path

from mmdet import registry as mmdet_registry
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry

SCOPE = 'mmsgp::'


def home() -> Path:
    """Return the folder that holds ``configs/`` and ``tools/``.

    A wheel has copies of them in ``mmsgp/.mim``, as OpenMMLab's packages do, and an
    editable installation has links there. A source tree is used as it is.
    """
    package = Path(__file__).resolve().parent
    configs = package / '.mim' / 'configs'
    return configs.resolve().parent if configs.is_dir() else package.parent


def find_config(name: str | Path) -> str:
    """Return the path of a config.

    Args:
        name: A path, or the file name of one of MMSGP's own configs after
            ``mmsgp::``, as in ``mmsgp::motifnet_cce_scorer_vg.py``.

    Raises:
        FileNotFoundError: If MMSGP has no config of this name.
    """
    name = str(name)
    if not name.startswith(SCOPE):
        return name
    configs = home() / 'configs'
    path = configs / name.removeprefix(SCOPE)
    if not path.is_file():
        raise FileNotFoundError(
            f'{name} does not exist: {configs} holds '
            f'{", ".join(sorted(file.name for file in configs.glob("*.py")))}'
        )
    return str(path)


def _name_own_configs() -> None:
    """Let MMEngine find MMSGP's configs by ``mmsgp::``, in ``_base_`` too."""
    MODULE2PACKAGE['mmsgp'] = 'mmsgp'  # for BaseInferencer.list_models
    read, find_base = Config.fromfile, Config._get_cfg_path

    @wraps(read)
    def fromfile(filename: str | Path, *args, **kwargs) -> Config:
        return read(find_config(filename), *args, **kwargs)

    @wraps(find_base)
    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(SCOPE):
            return find_config(cfg_path), None
        return find_base(cfg_path, filename)

    Config.fromfile = staticmethod(fromfile)
    Config._get_cfg_path = staticmethod(get_cfg_path)


_name_own_configs()


def _child(parent: str, location: str, own: bool = False) -> Registry:
    """Create a child of a registry of MMDetection.

    A search continues in the parents, but imports only the locations of the
    registry where it began: those of both packages are given.

    Args:
        parent: Name of the registry in :mod:`mmdet.registry`.
        location: The module with a package's components of this kind.
        own: Whether MMSGP has such components.
    """
    registry = getattr(mmdet_registry, parent)
    packages = ('mmsgp', 'mmdet') if own else ('mmdet',)
    return Registry(
        registry.name,
        parent=registry,
        scope='mmsgp',
        locations=[f'{package}.{location}' for package in packages],
    )


DATASETS = _child('DATASETS', 'datasets', own=True)
TRANSFORMS = _child('TRANSFORMS', 'datasets.transforms', own=True)
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'datasets.samplers')
MODELS = _child('MODELS', 'models', own=True)
MODEL_WRAPPERS = _child('MODEL_WRAPPERS', 'models')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS', 'models')
TASK_UTILS = _child('TASK_UTILS', 'models', own=True)
METRICS = _child('METRICS', 'evaluation', own=True)
EVALUATOR = _child('EVALUATOR', 'evaluation')
RUNNERS = _child('RUNNERS', 'engine.runner')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS', 'engine.runner')
LOOPS = _child('LOOPS', 'engine.runner', own=True)
LOG_PROCESSORS = _child('LOG_PROCESSORS', 'engine')
HOOKS = _child('HOOKS', 'engine.hooks', own=True)
OPTIMIZERS = _child('OPTIMIZERS', 'engine.optimizers')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'engine.optimizers', own=True)
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS', 'engine.optimizers', own=True)
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS', 'engine.schedulers')
VISUALIZERS = _child('VISUALIZERS', 'visualization', own=True)
VISBACKENDS = _child('VISBACKENDS', 'visualization')


def names_subclass(type_: object, registry: Registry, base: type | tuple[type, ...]) -> bool:
    """Whether the ``type`` of a config is a class, or one derived from it.

    Args:
        type_: A registered name, with or without its scope, or a class.
        registry: Where the name is looked up.
        base: The class, or several.
    """
    found = registry.get(type_) if isinstance(type_, str) and type_ else type_
    return isinstance(found, type) and issubclass(found, base)
