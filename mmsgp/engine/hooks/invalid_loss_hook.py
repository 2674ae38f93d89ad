from __future__ import annotations

import math

from mmengine.hooks import Hook

from mmsgp.engine.host_copy import HostCopy
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stops training if a loss is NaN or infinite, and names the images.

    Earlier checkpoints stay as they are. MMDetection's
    ``CheckInvalidLossHook`` stops too, but does not name the images. A GPU is not
    waited for: there a loss is checked one iteration later, or before the weights
    are saved.

    Args:
        interval: Number of iterations between two checks. Defaults to 1.

    Raises:
        FloatingPointError: If the loss is not finite.
    """

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval
        self._unchecked: tuple[HostCopy, str, list] | None = None

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Check the loss of the iteration, on a GPU that of the last one checked."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        self._check()
        losses = {name: value for name, value in outputs.items() if 'loss' in name}
        images = [
            sample.get('img_path', sample.get('img_id')) for sample in data_batch['data_samples']
        ]
        place = f'epoch {runner.epoch + 1}, iteration {runner.iter + 1}'
        self._unchecked = HostCopy(losses), place, images
        if not self._unchecked[0].on_the_way:
            self._check()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Check the last loss, so that no invalid weights are saved."""
        self._check()

    def after_train(self, runner) -> None:
        """Check the last loss."""
        self._check()

    def _check(self) -> None:
        if self._unchecked is None:
            return
        (losses, place, images), self._unchecked = self._unchecked, None
        values = {name: float(value) for name, value in losses.read().items()}
        invalid = {name: value for name, value in values.items() if not math.isfinite(value)}
        if invalid:
            raise FloatingPointError(
                f'{place}: '
                f'{invalid} at images {images}. Look at their annotations, '
                'lower the learning rate, or resume from the last checkpoint '
                'in the work directory with --resume'
            )
