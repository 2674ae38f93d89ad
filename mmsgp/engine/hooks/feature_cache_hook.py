from __future__ import annotations

from mmengine.hooks import Hook

from mmsgp.engine.distributed import unwrap_model
from mmsgp.models.parsers.feature_cache import FeatureCache
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class FeatureCacheHook(Hook):
    """Keeps the detector's feature maps on disk while a head is trained.

    From the second epoch on, or in the next run with the same detector, an
    epoch only takes the time of the head. Training and its validation read the
    maps, rounded to half precision; ``tools/test.py`` computes them. See
    :class:`~mmsgp.models.parsers.feature_cache.FeatureCache`.

    Args:
        root: Folder of the cache. Defaults to ``'work_dirs/feature_cache'``.
    """

    def __init__(self, root: str = 'work_dirs/feature_cache') -> None:
        self.root = root

    def before_train(self, runner) -> None:
        """Turn on the cache; the detector has its weights now."""
        model = unwrap_model(runner.model)
        settings = runner.cfg.get('model', {}).get('detector', '')
        model.feature_cache = FeatureCache(self.root, model.detector, str(settings))

    def after_train(self, runner) -> None:
        """Turn off the cache."""
        unwrap_model(runner.model).feature_cache = None
