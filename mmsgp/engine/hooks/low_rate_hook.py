from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmsgp.registry import HOOKS


@HOOKS.register_module()
class StopAtLowRateHook(Hook):
    """Stops training once the schedule has lowered the learning rate enough.

    Training ends after a validation if the rate of any parameter group is at
    most ``fraction`` of the largest initial rate of all groups, as in the
    reference implementation of Neural Motifs. VGG's fc layers begin there at a
    tenth of the rate, so that the first drop to a tenth ends training.

    Args:
        fraction: Between 0 and 1. Defaults to 1 / 99, as in the reference.

    Raises:
        ValueError: If ``fraction`` is not between 0 and 1.
    """

    # After the plateau schedulers, which step after a validation.
    priority = 'VERY_LOW'

    def __init__(self, fraction: float = 1 / 99) -> None:
        if not 0 < fraction < 1:
            raise ValueError(
                f'StopAtLowRateHook: fraction must be between 0 and 1, got {fraction!r}'
            )
        self.fraction = fraction

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Compare the rates with the initial ones."""
        groups = runner.optim_wrapper.param_groups
        first = max(group['initial_lr'] for group in groups)
        if any(group['lr'] <= self.fraction * first for group in groups):
            print_log(
                f'A learning rate is at most {self.fraction:.4g} of the initial '
                'one: training ends (StopAtLowRateHook)',
                logger='current',
            )
            runner.train_loop.stop_training = True
