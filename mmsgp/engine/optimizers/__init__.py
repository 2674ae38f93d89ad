from .autocast_optim_wrapper import AutocastOptimWrapper
from .trainable_params_constructor import TrainableParamsConstructor

__all__ = ['AutocastOptimWrapper', 'TrainableParamsConstructor']
