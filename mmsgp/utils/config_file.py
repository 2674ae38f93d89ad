"""Config files that people write."""
from __future__ import annotations

from pathlib import Path

from mmengine.config import Config


def read_config_file(path: str | Path) -> Config:
    """Read a config, or say which file is none.

    Args:
        path: The file, which is run.

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: If it is not there, or another that it names.
        ValueError: If it is no config.
    """
    try:
        return Config.fromfile(path)
    except OSError:
        raise
    # A file with code in it can fail in any way.
    except Exception as error:
        raise ValueError(
            f'{path} is no config: {type(error).__name__}: {error}') from error
