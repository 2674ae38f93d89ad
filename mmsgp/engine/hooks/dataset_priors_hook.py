from mmengine.hooks import Hook

from mmsgp.engine.distributed import unwrap_model
from mmsgp.registry import HOOKS


def innermost_dataset(dataset):
    """The data set that has statistics, within wrappers such as repeats."""
    while not hasattr(dataset, 'statistics'):
        dataset = dataset.dataset
    return dataset


@HOOKS.register_module()
class DatasetPriorsHook(Hook):
    """Hands the training set to the model when training starts.

    The model takes what it needs of the statistics and class names, e.g. the
    frequency prior, unless its checkpoint brought them along. Configs
    therefore build without their data.
    """

    def before_train(self, runner) -> None:
        """Call ``model.load_statistics`` with the innermost training set."""
        dataset = innermost_dataset(runner.train_dataloader.dataset)
        unwrap_model(runner.model).load_statistics(dataset)

    def before_test(self, runner) -> None:
        """Refuse a model whose relation head was never trained.

        Raises:
            ValueError: If the checkpoint brought no priors, e.g. because it
                is a detector's.
        """
        if not unwrap_model(runner.model).has_statistics:
            raise ValueError(
                'the checkpoint holds no trained relation head: test one that '
                'tools/train.py wrote for this config, not that of the '
                'detector')
