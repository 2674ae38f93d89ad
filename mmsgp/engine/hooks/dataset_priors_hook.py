from __future__ import annotations

from mmengine.hooks import Hook
from torch import nn
from torch.utils.data import DataLoader

from mmsgp.datasets.dataset_wrappers import innermost_dataset
from mmsgp.engine.distributed import unwrap_model
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class DatasetPriorsHook(Hook):
    """Hands the training set to the model when training starts.

    The model takes what it needs of the statistics and class names, e.g. the
    frequency prior, unless its checkpoint holds them. Configs therefore build
    without their data.
    """

    def before_train(self, runner) -> None:
        """Call ``model.load_statistics`` with the innermost training set."""
        dataset = innermost_dataset(runner.train_dataloader.dataset)
        model = unwrap_model(runner.model)
        model.load_statistics(dataset)
        for split in ('train', 'val'):
            _check_images(model, getattr(runner, f'{split}_dataloader', None))

    def before_test(self, runner) -> None:
        """Check that the relation head was trained, and hand it the metainfo.

        Metrics get the statistics of the training set, for the frequency baseline.

        Raises:
            ValueError: If the checkpoint holds no priors, e.g. because it is a
                detector's.
        """
        model = unwrap_model(runner.model)
        if not model.has_statistics:
            raise ValueError(
                'the checkpoint holds no trained relation head: give one that '
                'tools/train.py wrote for this config, not that of the '
                'detector'
            )
        model.complete_statistics(runner.test_dataloader.dataset.metainfo)
        _check_images(model, runner.test_dataloader)
        statistics = getattr(runner.test_dataloader.dataset, 'statistics', None)
        for metric in runner.test_evaluator.metrics:
            if statistics is not None and hasattr(metric, 'load_statistics'):
                metric.load_statistics(statistics)


def _check_images(model: nn.Module, loader: DataLoader | None) -> None:
    """Let an adapter that knows some images only compare them with the data set's."""
    check = getattr(getattr(model, 'detector_adapter', None), 'check_images', None)
    if check is not None and isinstance(loader, DataLoader):
        dataset = innermost_dataset(loader.dataset)
        check(dataset.get_data_info(index)['img_id'] for index in range(len(dataset)))
