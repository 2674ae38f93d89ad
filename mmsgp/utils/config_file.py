"""Config files that people write."""
from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from .config_variables import follow_files


def read_config_file(path: str | Path) -> Config:
    """Read a config file.

    A variable of :data:`~.config_variables.VARIABLES` that the file sets acts
    everywhere, whatever its base has made of it.

    Args:
        path (str | Path): The file, which is run.

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: If it does not exist, or another that it names.
        ValueError: If it is not a config.
    """
    try:
        cfg = Config.fromfile(path)
        follow_files(cfg, path)
        return cfg
    except OSError:
        raise
    # A file with code in it can fail in any way.
    except Exception as error:
        raise ValueError(
            f'{path} is no config: {type(error).__name__}: {error}') from error
