from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmsgp.registry import HOOKS


@HOOKS.register_module()
class DatasetPriorsHook(Hook):
    """Hands the training set to the model when training starts.

    The model takes what it needs of the statistics and class names, e.g. the
    frequency prior, unless its checkpoint brought them along. Configs
    therefore build without their data.
    """

    def before_train(self, runner) -> None:
        """Call ``model.load_priors`` with the innermost training set."""
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        dataset = runner.train_dataloader.dataset
        while not hasattr(dataset, 'statistics'):
            dataset = dataset.dataset
        model.load_priors(dataset)
