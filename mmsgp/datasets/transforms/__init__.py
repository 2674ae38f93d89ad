from .flip import SceneGraphRandomFlip
from .formatting import PackSceneGraphInputs
from .loading import LoadImage, LoadRelations
from .resizing import Resize

__all__ = ['LoadImage', 'LoadRelations', 'PackSceneGraphInputs', 'Resize', 'SceneGraphRandomFlip']
