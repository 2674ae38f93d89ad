"""Find fonts for names in any script."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from matplotlib.font_manager import fontManager, get_font
from mmengine.logging import print_log

FONT_VARIABLE = 'MMSGP_FONT'
DEFAULT = 'DejaVu Sans'  # comes with matplotlib
# Common fonts of systems, in which most scripts are looked for first.
_LIKELY = ('Noto Sans', 'WenQuanYi', 'Source Han', 'Microsoft YaHei', 'PingFang', 'Arial Unicode')
# matplotlib cannot draw coloured pictures, and fonts of last resort have boxes only.
_USELESS = ('Noto Color Emoji', 'Apple Color Emoji', 'Twemoji Mozilla', 'Last Resort')
_added: list[str] = []


def add_font(path: str | Path) -> str:
    """Use a font file for characters that the usual fonts lack.

    Args:
        path: A TrueType or OpenType file.

    Returns:
        str: The family of the font.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it is not a font.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'font {path} does not exist, or is not a file')
    try:
        fontManager.addfont(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(f'{path} is not a font that can be used: {error}') from error
    family = fontManager.ttflist[-1].name
    if family not in _added:
        _added.append(family)
        _family_with.cache_clear()
        families_for.cache_clear()
    return family


@lru_cache(maxsize=256)
def families_for(characters: frozenset[str]) -> tuple[str, ...]:
    """Choose the font families that together have some characters.

    Characters that no font has are named in the log once, with their script.

    Args:
        characters: The characters of all names of a picture.

    Returns:
        tuple[str, ...]: Families in the order in which matplotlib tries them.
    """
    _add_fonts_of_variable()
    families, missing = [DEFAULT], []
    for character in sorted(character for character in characters if character.isprintable()):
        if any(_has(family, character) for family in families):
            continue
        family = _family_with(character)
        if family is None:
            missing.append(character)
        else:
            families.append(family)
    if missing:
        scripts = sorted({unicodedata.name(c, 'UNKNOWN').split()[0] for c in missing})
        print_log(
            f'no font of this system has {len(missing)} characters of names, e.g. {missing[0]!r} '
            f'({", ".join(scripts)}), so pictures show boxes instead: install one, e.g. Noto Sans '
            f'for this script, or set {FONT_VARIABLE} to the path of a font file',
            logger='current',
            level=logging.WARNING,
        )
    return tuple(families)


def families_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Choose the font families for some texts, see :func:`families_for`."""
    return families_for(frozenset().union(*texts))


def _add_fonts_of_variable() -> None:
    for path in filter(None, os.environ.get(FONT_VARIABLE, '').split(os.pathsep)):
        add_font(path)


@lru_cache(maxsize=4096)
def _family_with(character: str) -> str | None:
    names = {entry.name for entry in fontManager.ttflist if not entry.name.startswith(_USELESS)}
    likely = sorted(names, key=lambda name: (not name.startswith(_LIKELY), name))
    return next((family for family in (*_added, *likely) if _has(family, character)), None)


def _has(family: str, character: str) -> bool:
    return ord(character) in _characters(family)


@cache
def _characters(family: str) -> frozenset[int]:
    path = next(entry.fname for entry in fontManager.ttflist if entry.name == family)
    try:
        return frozenset(get_font(path).get_charmap())
    except (RuntimeError, OSError):  # damaged, or removed since matplotlib looked
        return frozenset()
