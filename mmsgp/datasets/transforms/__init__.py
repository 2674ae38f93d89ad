from .flip import SceneGraphRandomFlip
from .formatting import PackSceneGraphInputs
from .loading import LoadImage, LoadRelations

__all__ = [
    'LoadImage', 'LoadRelations', 'PackSceneGraphInputs',
    'SceneGraphRandomFlip'
]
