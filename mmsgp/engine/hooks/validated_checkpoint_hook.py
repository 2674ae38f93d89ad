from __future__ import annotations

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmsgp.checkpoint.integrity import add_checksum
from mmsgp.registry import HOOKS
from mmsgp.utils.files import replacing

from ..last_checkpoint import write_pointer

# Facts about a checkpoint that it keeps in the message hub.
BEFORE_VALIDATION = 'before_validation'
REPLACED_BEST = 'replaced_best'


@register_backend('replacing')
class ReplacingBackend(LocalBackend):
    """Writes local files completely or not at all."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file; an old one stays until the new one is complete."""
        with replacing(filepath) as draft:
            super().put(obj, draft)


@HOOKS.register_module()
class ValidatedCheckpointHook(CheckpointHook):
    """Saves checkpoints so that a run can be killed at any moment.

    A new checkpoint is on the disk before ``last_checkpoint`` names it; only
    then is an old one removed. The same holds for the best checkpoint.

    An epoch's checkpoint is saved again after the validation. MMEngine saves
    only before it, so that a resumed run would know neither the best score nor
    the metric that a plateau scheduler has seen. A run that was killed during
    a validation repeats it when it resumes.

    Args:
        *args: Arguments of MMEngine's ``CheckpointHook``.
        backend_args: Its backend. Defaults to None: :class:`ReplacingBackend`.
        **kwargs: Its other arguments.
    """

    def __init__(self, *args, backend_args: dict | None = None, **kwargs) -> None:
        super().__init__(*args, backend_args=backend_args or dict(backend='replacing'), **kwargs)

    def before_train(self, runner) -> None:
        """Clean up after a killed run, and make up for a missing validation."""
        super().before_train(runner)
        info = runner.message_hub.runtime_info
        for name in set(self._best_names()) & set(info):
            # the work directory may have been moved
            info[name] = self._here(info[name])
        for path in info.get(REPLACED_BEST, ()):
            self._remove(self._here(path))
        self._forget_lost_best(runner)
        if runner.iter:  # the checkpoint that is resumed
            self.last_ckpt = self._path(self._step(runner))
        if _misses_validation(runner):
            runner.logger.info(f'{self.last_ckpt} was saved before its validation, which runs now')
            runner.val_loop.run()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Add the checksum that reveals a damaged file."""
        add_checksum(checkpoint)

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """Save the best checkpoint, then the epoch's again.

        Args:
            runner: The runner of the training process.
            metrics: Results of the validation.
        """
        hub = runner.message_hub
        hub.update_info(BEFORE_VALIDATION, False)
        before = self._best_paths(runner)
        last, self.last_ckpt = self.last_ckpt, None  # is saved below
        self._set_best(dict.fromkeys(before))  # is removed below
        super().after_val_epoch(runner, metrics)
        after = self._best_paths(runner)
        self._set_best(after)
        self.last_ckpt = last
        replaced = set(before.values()) - set(after.values()) - {None}
        hub.update_info(REPLACED_BEST, sorted(replaced))
        step = self._step(runner)
        if last == self._path(step):
            # MMEngine's default would add 1 to the epoch, which is counted by now.
            self._save_checkpoint_with_step(
                runner, step, dict(epoch=runner.epoch, iter=runner.iter)
            )
        for path in replaced:
            self._remove(path)

    def _save_checkpoint(self, runner) -> None:
        """Save after an epoch or iteration, before it is validated."""
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        runner.message_hub.update_info(BEFORE_VALIDATION, by_epoch == self.by_epoch)
        super()._save_checkpoint(runner)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        """Save, name it in ``last_checkpoint``, then remove an old one.

        The new file still lists the old one: if this run is killed before the
        removal, a resumed run removes it.
        """
        hub = runner.message_hub
        if self.max_keep_ckpts > 0:
            kept = [i for i in self.keep_ckpt_ids if i != step] + [step]
            hub.update_info('keep_ckpt_ids', kept)
        self.last_ckpt = self._path(step)
        hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            Path(self.last_ckpt).name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_pointer(runner.work_dir, self.last_ckpt)
        if self.max_keep_ckpts > 0:
            for old in kept[: -self.max_keep_ckpts]:
                self._remove(self._path(old))
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept[-self.max_keep_ckpts :])

    def _step(self, runner) -> int:
        return runner.epoch if self.by_epoch else runner.iter

    def _path(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))

    def _here(self, path: str) -> str:
        """Return a checkpoint's path in the current folder."""
        return self.file_backend.join_path(self.out_dir, Path(path).name)

    def _remove(self, path: str) -> None:
        if is_main_process() and self.file_backend.isfile(path):
            self.file_backend.remove(path)

    def _best_names(self) -> dict[str, str]:
        """Map the message hub's names of the best paths to their metrics."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:
            return {'best_ckpt': self.key_indicators[0]}
        return {f'best_ckpt_{key}': key for key in self.key_indicators}

    def _best_paths(self, runner) -> dict[str, str | None]:
        return {
            key: runner.message_hub.runtime_info.get(name)
            for name, key in self._best_names().items()
        }

    def _set_best(self, paths: dict[str, str | None]) -> None:
        if len(paths) == 1:
            (self.best_ckpt_path,) = paths.values()
        else:
            self.best_ckpt_path_dict = paths

    def _forget_lost_best(self, runner) -> None:
        """If the best file does not exist, count the next validation as best."""
        hub = runner.message_hub
        for name in self._best_names():
            path = hub.runtime_info.get(name)
            if path is not None and not self.file_backend.isfile(path):
                runner.logger.warning(
                    f'{path}, the best checkpoint, does not exist: the best is '
                    'searched again among the next validations'
                )
                hub.pop_info(name)
                hub.pop_info(name.replace('best_ckpt', 'best_score', 1))
        self._set_best(self._best_paths(runner))


def _misses_validation(runner) -> bool:
    """Whether the run was killed during the validation of its checkpoint."""
    loop = runner.train_loop
    if runner.val_loop is None or not runner.message_hub.runtime_info.get(BEFORE_VALIDATION):
        return False
    loop._decide_current_val_interval()
    if isinstance(loop, EpochBasedTrainLoop):
        step, last = loop.epoch, loop.max_epochs
    else:
        step, last = loop.iter, loop.max_iters
    return step >= loop.val_begin and (step % loop.val_interval == 0 or step == last)
