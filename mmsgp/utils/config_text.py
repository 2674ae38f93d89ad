"""Configs that travel in checkpoints, read without running them."""
from __future__ import annotations

import ast
import re

from mmengine.config import Config

# Another name would let MMEngine import what it says.
_TYPE = re.compile(r'((mmsgp|mmdet)\.)?\w+')


def parse_config_text(text: str, source: str) -> Config:
    """Read the text that MMEngine writes of a config.

    MMEngine itself reads it by running it, so that a checkpoint could bring
    any code along. Here names, numbers, texts and containers are allowed, and
    components of MMSGP and of the OpenMMLab packages by their registered names.

    Args:
        text (str): As in the ``meta`` of a checkpoint.
        source (str): Where it comes from, for errors.

    Returns:
        Config: The config.

    Raises:
        ValueError: If the text holds anything else.
    """
    values = {}
    try:
        for statement in ast.parse(text).body:
            if not isinstance(statement, ast.Assign):
                raise ValueError(ast.unparse(statement))
            target, = statement.targets
            if not isinstance(target, ast.Name):
                raise ValueError(ast.unparse(statement))
            values[target.id] = _evaluate(statement.value)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ValueError(
            f'the config in {source} is more than names and values '
            f'({str(error)[:200]}) and is not run; give the config file') from error
    return Config(values)


def _evaluate(node: ast.expr):
    """The value of a literal, or of ``dict({'any key': value}, key=value, ...)``.

    Raises:
        ValueError: If it is anything else.
    """
    if isinstance(node, ast.Call):
        keys = [word.arg for word in node.keywords]
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' \
                or None in keys or not all(isinstance(a, ast.Dict) for a in node.args):
            raise ValueError(ast.unparse(node))
        values = [_evaluate(word.value) for word in node.keywords]
        return _checked(dict(*map(_evaluate, node.args), **dict(zip(keys, values))))
    if isinstance(node, ast.Dict):
        return _checked({_evaluate(key): _evaluate(value)
                         for key, value in zip(node.keys, node.values)})
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        container = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return container(map(_evaluate, node.elts))
    return ast.literal_eval(node)


def _checked(values: dict) -> dict:
    type_ = values.get('type')
    if isinstance(type_, str) and not _TYPE.fullmatch(type_):
        raise ValueError(f'type={type_!r}')
    return values
