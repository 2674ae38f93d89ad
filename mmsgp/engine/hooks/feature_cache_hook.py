from __future__ import annotations

from mmengine.hooks import Hook

from mmsgp.engine.distributed import unwrap_model
from mmsgp.models.parsers.feature_cache import FeatureCache
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class FeatureCacheHook(Hook):
    """Keeps the detector's feature maps on disk while a head is trained.

    From the second epoch on, or in the next run on the same detector, an
    epoch costs what the head costs. Training and its validation read the
    maps, rounded to half precision; ``tools/test.py`` computes them. See
    :class:`~mmsgp.models.parsers.feature_cache.FeatureCache`.

    Args:
        root: The folder. Defaults to ``'work_dirs/feature_cache'``.
    """

    def __init__(self, root: str = 'work_dirs/feature_cache') -> None:
        self.root = root

    def before_train(self, runner) -> None:
        """Turn the cache on, once the detector has its weights."""
        model = unwrap_model(runner.model)
        settings = runner.cfg.get('model', {}).get('detector', '')
        model.feature_cache = FeatureCache(self.root, model.detector,
                                           str(settings))

    def after_train(self, runner) -> None:
        """Turn it off."""
        unwrap_model(runner.model).feature_cache = None
