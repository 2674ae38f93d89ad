from .autocast_optim_wrapper import AutocastOptimWrapper
from .gradient_norm import SteadyAmpOptimWrapper, SteadyOptimWrapper
from .trainable_params_constructor import TrainableParamsConstructor

__all__ = [
    'AutocastOptimWrapper',
    'SteadyAmpOptimWrapper',
    'SteadyOptimWrapper',
    'TrainableParamsConstructor',
]
