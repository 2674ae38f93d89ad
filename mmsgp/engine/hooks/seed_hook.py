from mmengine.dist import get_rank
from mmengine.hooks import Hook
from torch.utils.data import Dataset

from mmsgp.registry import HOOKS
from mmsgp.utils.seeding import seed_all


@HOOKS.register_module()
class SeedHook(Hook):
    """Seeds each iteration and each training image.

    The random numbers of an iteration depend on the run's seed, the iteration
    and the rank; those of an image on the seed, the epoch and the image's index,
    see :class:`~mmsgp.datasets.VGDataset`. A killed and resumed run therefore
    ends with the same weights as an uninterrupted one, and results do not depend
    on the number of data workers.
    """

    def before_train_epoch(self, runner) -> None:
        """Give seed and epoch to the training set.

        Raises:
            ValueError: If its workers outlive the epoch: they would not see it.
        """
        loader = runner.train_dataloader
        if loader.persistent_workers:
            raise ValueError(
                'train_dataloader.persistent_workers=True: the workers would '
                'draw the same numbers in every epoch. Set it to False'
            )
        _seed_items(loader.dataset, runner.seed, runner.epoch)

    def before_train_iter(self, runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Seed from (seed, iteration, rank)."""
        seed_all(runner.seed, runner.iter, get_rank())


def _seed_items(dataset: Dataset, *entropy: int) -> None:
    """Set the entropy of the data sets within wrappers."""
    if hasattr(dataset, 'entropy'):
        dataset.entropy = entropy
    for i, part in enumerate(getattr(dataset, 'datasets', ())):
        _seed_items(part, *entropy, i)
    if hasattr(dataset, 'dataset'):
        _seed_items(dataset.dataset, *entropy)
