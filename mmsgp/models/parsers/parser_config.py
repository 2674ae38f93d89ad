"""Recognise the configs of parsers."""

from __future__ import annotations

from collections.abc import Mapping

from mmsgp.registry import MODELS, names_subclass

from .scene_graph_parser import SceneGraphParser


def is_parser_config(model_cfg: Mapping | None) -> bool:
    """Whether a config's ``model`` is a scene graph parser.

    Args:
        model_cfg: ``cfg.model``. Its ``type`` may be a subclass of
            :class:`SceneGraphParser`, by name or as a class.
    """
    return names_subclass((model_cfg or {}).get('type'), MODELS, SceneGraphParser)
