"""Import MMDetection's data sets without a line about a package it does not need."""

import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()):
    import mmdet.datasets  # noqa: F401
