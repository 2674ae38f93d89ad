"""Read config files."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from mmsgp.registry import find_config

from .config_variables import follow_files


def read_config_file(path: str | Path) -> Config:
    """Read a config file.

    A variable of :data:`~.config_variables.VARIABLES` that the file sets acts
    everywhere, whatever its base has made of it.

    Args:
        path: The file, or ``mmsgp::NAME.py``; its code is run.

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: If the file, or another that it names, does not exist.
        ValueError: If it is not a valid config. The message names the file.
    """
    try:
        path = find_config(path)
        cfg = Config.fromfile(path)
        follow_files(cfg, path)
        return cfg
    except OSError:
        raise
    # The code in a config can raise any error.
    except Exception as error:
        raise ValueError(
            f'{path} is not a valid config: {type(error).__name__}: {error}'
        ) from error
