"""MMSGP's registries: children of MMDetection's, under the scope ``mmsgp``.

A component that MMSGP does not define is searched in MMDetection, then in
MMEngine; a config names all of them in the same way.
"""

from mmdet import registry as mmdet_registry
from mmengine.registry import Registry


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
