from __future__ import annotations

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.visualization import LocalVisBackend

from mmsgp.registry import VISBACKENDS
from mmsgp.utils.files import replacing
from mmsgp.utils.unwritten import may_be_unwritten


@VISBACKENDS.register_module()
class SteadyVisBackend(LocalVisBackend):
    """MMEngine's ``LocalVisBackend``, which goes on if it cannot write.

    It goes on inside :func:`~mmsgp.utils.unwritten.collecting_unwritten`;
    elsewhere it raises the error. It leaves no partial config and no partial line.

    Args:
        *args: Arguments of ``LocalVisBackend``.
        **kwargs: Arguments of ``LocalVisBackend``.
    """

    def add_config(self, config: Config, **kwargs) -> None:
        """Write the config."""
        path = Path(self._save_dir, self._config_save_file)
        with may_be_unwritten(path), replacing(path) as draft:
            draft.write_text(config.pretty_text, encoding='utf-8')

    def add_image(self, *args, **kwargs) -> None:
        """Write an image."""
        with may_be_unwritten(self._img_save_dir):
            super().add_image(*args, **kwargs)

    def add_scalars(self, *args, **kwargs) -> None:
        """Write the values of a step."""
        with may_be_unwritten(self._save_dir):
            super().add_scalars(*args, **kwargs)

    def _dump(self, value_dict: dict, file_path: str, file_format: str) -> None:
        size = os.path.getsize(file_path) if os.path.exists(file_path) else 0
        try:
            super()._dump(value_dict, file_path, file_format)
        except OSError:
            if os.path.exists(file_path):
                os.truncate(file_path, size)
            raise
