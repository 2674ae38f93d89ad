from .loops import ResumableEpochLoop, ResumableIterLoop
from .runner import SceneGraphRunner

__all__ = ['ResumableEpochLoop', 'ResumableIterLoop', 'SceneGraphRunner']
