from __future__ import annotations

import torch
from mmengine.hooks import Hook

from mmsgp.registry import HOOKS


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stops training if a loss is NaN or infinite, and names the images.

    Earlier checkpoints stay as they are. MMDetection's
    ``CheckInvalidLossHook`` stops too, but does not name the images.

    Args:
        interval: Number of iterations between two checks. Defaults to 1.

    Raises:
        FloatingPointError: If the loss is not finite.
    """

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Check the loss of the iteration."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        invalid = {
            name: torch.as_tensor(value).item()
            for name, value in outputs.items()
            if 'loss' in name and not torch.isfinite(torch.as_tensor(value))
        }
        if invalid:
            images = [
                sample.get('img_path', sample.get('img_id'))
                for sample in data_batch['data_samples']
            ]
            raise FloatingPointError(
                f'epoch {runner.epoch + 1}, iteration {runner.iter + 1}: '
                f'{invalid} at images {images}. Look at their annotations, '
                'lower the learning rate, or resume from the last checkpoint '
                'in the work directory with --resume'
            )
