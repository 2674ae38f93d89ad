from __future__ import annotations

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook

from mmsgp.registry import HOOKS
from mmsgp.utils.checkpoint_integrity import add_checksum
from mmsgp.utils.files import replacing


@register_backend('replacing')
class ReplacingBackend(LocalBackend):
    """Local files that are whole or not there, or as they were before."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file."""
        with replacing(filepath) as draft:
            super().put(obj, draft)


@HOOKS.register_module()
class ValidatedCheckpointHook(CheckpointHook):
    """Saves an epoch's checkpoint again when the epoch has been validated.

    MMEngine saves before validation: a run that is resumed from such a file
    knows neither the metric that a scheduler on a plateau has seen nor the
    best score. A run that is killed while it saves leaves the file of before,
    not half of a new one.

    Args:
        *args: Arguments of MMEngine's ``CheckpointHook``.
        backend_args (dict, optional): Its backend. Defaults to None: local
            files that are written whole.
        **kwargs: Its other arguments.
    """

    def __init__(self, *args, backend_args: dict | None = None,
                 **kwargs) -> None:
        super().__init__(
            *args, backend_args=backend_args or dict(backend='replacing'),
            **kwargs)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Add the checksum by which a damaged file is noticed."""
        add_checksum(checkpoint)

    def after_val_epoch(self, runner, metrics: dict) -> None:
        """Save the best checkpoint, then the epoch's with all that is known.

        Args:
            runner (Runner): The runner of the training process.
            metrics (dict): Results of the validation.
        """
        super().after_val_epoch(runner, metrics)
        name = self.filename_tmpl.format(runner.epoch)
        saved = getattr(self, 'last_ckpt', None)
        if self.by_epoch and saved and saved.endswith(name):
            # The epoch is counted by now, as MMEngine's default expects not.
            self._save_checkpoint_with_step(
                runner, runner.epoch,
                dict(epoch=runner.epoch, iter=runner.iter))
