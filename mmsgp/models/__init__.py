from .backbones import *  # noqa: F401,F403
from .detectors import *  # noqa: F401,F403
from .layers import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .relation_heads import *  # noqa: F401,F403
from .scorers import *  # noqa: F401,F403
from .task_modules import *  # noqa: F401,F403
