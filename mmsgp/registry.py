"""MMSGP's registries: children of MMDetection's, under the scope ``mmsgp``.

A component that MMSGP does not define is looked up in MMDetection, then in
MMEngine, so that a config names all of them alike.
"""
from mmdet import registry as mmdet_registry
from mmengine.registry import Registry


def _child(name: str, parent: str, *locations: str) -> Registry:
    return Registry(
        name,
        parent=getattr(mmdet_registry, parent),
        scope='mmsgp',
        locations=[f'mmsgp.{location}' for location in locations])


DATASETS = _child('dataset', 'DATASETS', 'datasets')
TRANSFORMS = _child('transform', 'TRANSFORMS', 'datasets.transforms')
MODELS = _child('model', 'MODELS', 'models')
TASK_UTILS = _child('task util', 'TASK_UTILS', 'models')
METRICS = _child('metric', 'METRICS', 'evaluation')
HOOKS = _child('hook', 'HOOKS', 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('optimizer wrapper constructor',
                                    'OPTIM_WRAPPER_CONSTRUCTORS', 'engine')
VISUALIZERS = _child('visualizer', 'VISUALIZERS', 'visualization')
