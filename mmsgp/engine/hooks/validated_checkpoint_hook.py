from __future__ import annotations

from mmengine.hooks import CheckpointHook

from mmsgp.registry import HOOKS


@HOOKS.register_module()
class ValidatedCheckpointHook(CheckpointHook):
    """Saves an epoch's checkpoint again when the epoch has been validated.

    MMEngine saves before validation: a run that is resumed from such a file
    knows neither the metric that a scheduler on a plateau has seen nor the
    best score. Arguments are those of MMEngine's ``CheckpointHook``.
    """

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
