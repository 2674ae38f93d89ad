"""Read the config inside a checkpoint without running it."""

from __future__ import annotations

import ast

from mmsgp.utils.text import in_a_line

# The configs of MMSGP have about 20,000.
MAX_LETTERS = 500_000


def parse_config_text(text: str, source: str) -> dict:
    """Read the text of a config as MMEngine writes it.

    MMEngine itself runs the text, so that a checkpoint could contain any code.
    Here only names, numbers, texts and containers are allowed.

    Args:
        text: The text in the ``meta`` of a checkpoint.
        source: Name of the checkpoint, for error messages.

    Returns:
        dict: The values of the config by name.

    Raises:
        ValueError: If the text holds anything else.
    """
    if not isinstance(text, str) or len(text) > MAX_LETTERS:
        raise ValueError(
            f"{source}: meta['cfg'] is not a text of at most {MAX_LETTERS:,} letters, "
            'so it is not a config: give the config file (--config)'
        )
    values = {}
    try:
        for statement in ast.parse(text).body:
            if not isinstance(statement, ast.Assign):
                raise ValueError(ast.unparse(statement))
            (target,) = statement.targets
            if not isinstance(target, ast.Name):
                raise ValueError(ast.unparse(statement))
            values[target.id] = _evaluate(statement.value)
    # If Python's parser runs out of stack, it raises one of the last two.
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(
            f'the config in {source} holds more than names and values '
            f'({in_a_line(error, 200)}) and is not run: give the config file '
            '(--config)'
        ) from error
    return values


def _evaluate(node: ast.expr):
    """Evaluate a literal, or ``dict({'any key': value}, key=value, ...)``.

    Raises:
        ValueError: If it is anything else.
    """
    if isinstance(node, ast.Call):
        keys = [word.arg for word in node.keywords]
        if (
            not isinstance(node.func, ast.Name)
            or node.func.id != 'dict'
            or None in keys
            or not all(isinstance(a, ast.Dict) for a in node.args)
        ):
            raise ValueError(ast.unparse(node))
        values = [_evaluate(word.value) for word in node.keywords]
        return dict(*map(_evaluate, node.args), **dict(zip(keys, values)))
    if isinstance(node, ast.Dict):
        return {_evaluate(key): _evaluate(value) for key, value in zip(node.keys, node.values)}
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        container = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return container(map(_evaluate, node.elts))
    value = ast.literal_eval(node)
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError(f'a number of {value.bit_length()} bits')
    return value
