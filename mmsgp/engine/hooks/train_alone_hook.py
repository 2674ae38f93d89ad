from __future__ import annotations

from mmengine.hooks import Hook

from mmsgp.registry import HOOKS


@HOOKS.register_module()
class TrainAloneHook(Hook):
    """Trains some layers alone at first: all other layers have a learning rate of 0.

    Schedulers see the usual rates, which are set back after each iteration. When the other
    layers start, their optimiser state is empty, for example without momentum.

    Args:
        layers: Part of the names of the layers' parameters. They need a parameter group of
            their own: the same word in ``optim_wrapper.paramwise_cfg.custom_keys``.
        iters: Number of iterations.

    Raises:
        ValueError: If no parameter group has these layers alone, or no group has others.
    """

    # Rates are set back before hooks that log, schedule or save.
    priority = 'ABOVE_NORMAL'

    def __init__(self, layers: str, iters: int) -> None:
        self.layers = layers
        self.iters = iters
        self._rates: list[float] = []

    def before_train(self, runner) -> None:
        """Find the parameter groups of the other layers."""
        named = {id(p) for name, p in runner.model.named_parameters() if self.layers in name}
        groups = runner.optim_wrapper.optimizer.param_groups
        shares = [{id(p) in named for p in group['params']} for group in groups]
        if {True, False} in shares or {True} not in shares or {False} not in shares:
            raise ValueError(
                f'TrainAloneHook: layers={self.layers!r} have no parameter group of their own: '
                'give the name of some layers of the model, and the same word in '
                'optim_wrapper.paramwise_cfg.custom_keys'
            )
        self._others = [group for group, share in zip(groups, shares) if share == {False}]

    def before_train_iter(self, runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Set the rates of the others to 0, or let them start."""
        if runner.iter < self.iters:
            self._rates = [group['lr'] for group in self._others]
            for group in self._others:
                group['lr'] = 0.0
        elif runner.iter == self.iters:
            for group in self._others:
                for parameter in group['params']:
                    runner.optim_wrapper.optimizer.state.pop(parameter, None)

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Set the rates back."""
        for group, rate in zip(self._others, self._rates):
            group['lr'] = rate
        self._rates = []
