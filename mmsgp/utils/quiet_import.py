"""Import MMDetection's data sets without lines about packages it does not need."""

import contextlib
import io
import warnings

warnings.filterwarnings('ignore', 'faster_coco_eval is not installed')
with contextlib.redirect_stdout(io.StringIO()):
    import mmdet.datasets  # noqa: F401
