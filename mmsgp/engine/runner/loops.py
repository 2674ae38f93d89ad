"""Training loops that resume within an epoch."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from mmengine.dataset import InfiniteSampler
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from mmsgp.registry import LOOPS

# Key in the message hub: batches done in the epoch, and batches per epoch.
BATCHES_DONE = 'batches_done'


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """MMEngine's loop over epochs, which resumes within an epoch.

    MMEngine begins the epoch again if the checkpoint was saved within it, as
    ``CheckpointHook(by_epoch=False)`` does.

    Args:
        *args: Arguments of ``EpochBasedTrainLoop``.
        **kwargs: Arguments of ``EpochBasedTrainLoop``.
    """

    def run_epoch(self) -> None:
        """Run the epoch, or the batches that a killed run has not done."""
        hub = self.runner.message_hub
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done = self._batches_done()
        for idx, data_batch in enumerate(batches_from(self.dataloader, done), done):
            hub.update_info(BATCHES_DONE, [idx + 1, len(self.dataloader)])
            self.run_iter(idx, data_batch)
        hub.update_info(BATCHES_DONE, None)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches_done(self) -> int:
        done, total = self.runner.message_hub.runtime_info.get(BATCHES_DONE) or (
            0,
            len(self.dataloader),
        )
        if total == len(self.dataloader):
            return done
        print_log(
            f'the checkpoint was saved after {done} of {total} batches, but an '
            f'epoch now has {len(self.dataloader)} (batch size, number of '
            f'processes or data differ): epoch {self.epoch + 1} begins again',
            logger='current',
            level=logging.WARNING,
        )
        return 0


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """MMEngine's loop over iterations, with the batches of whole epochs.

    It needs a sampler with epochs, such as ``DefaultSampler``. A resumed run
    goes on at the batch where the checkpoint was saved.

    Args:
        *args: Arguments of ``IterBasedTrainLoop``.
        **kwargs: Arguments of ``IterBasedTrainLoop``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.dataloader.sampler, InfiniteSampler):
            raise ValueError(
                "train_dataloader.sampler.type='InfiniteSampler' has no epochs: "
                'set DefaultSampler, or IterBasedTrainLoop in train_cfg'
            )
        self.dataloader_iterator = EpochBatches(self.dataloader, self._begin)

    def _begin(self, epoch: int) -> None:
        """Begin an epoch as a loop over epochs does."""
        self._epoch = epoch
        self.runner.call_hook('before_train_epoch')


class EpochBatches:
    """Iterator over the batches of all epochs, one after the other."""

    def __init__(self, dataloader: DataLoader, begin) -> None:
        self._dataloader = dataloader
        self._begin = begin
        self._epoch = self._done = 0
        self._batches = None

    def skip_iter(self, num_iters: int) -> None:
        """Continue after ``num_iters`` batches of the whole run."""
        self._epoch, self._done = divmod(num_iters, len(self._dataloader))

    def __next__(self) -> dict:
        if self._batches is None:
            self._begin(self._epoch)
            self._batches = batches_from(self._dataloader, self._done)
        batch = next(self._batches, None)
        if batch is None:
            self._epoch, self._done, self._batches = self._epoch + 1, 0, None
            return next(self)
        return batch


def batches_from(dataloader: DataLoader, start: int) -> Iterator[dict]:
    """Iterate over an epoch from batch ``start`` on; earlier ones are not loaded."""
    if start == 0:
        return iter(dataloader)
    rest = list(dataloader.batch_sampler)[start:]
    return iter(
        DataLoader(
            dataloader.dataset,
            batch_sampler=rest,
            num_workers=dataloader.num_workers,
            collate_fn=dataloader.collate_fn,
            pin_memory=dataloader.pin_memory,
            timeout=dataloader.timeout,
            worker_init_fn=dataloader.worker_init_fn,
            prefetch_factor=dataloader.prefetch_factor,
        )
    )
