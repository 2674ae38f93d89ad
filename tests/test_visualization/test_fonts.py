"""Names in any script are drawn with a font that has them."""

import numpy as np
import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from mmsgp.testing.graphs import random_scene_graph
from mmsgp.visualization import draw_scene_graph, fonts
from mmsgp.visualization.scene_graph.panels import text_size

DOG = '犬'


@pytest.fixture
def font(tmp_path, monkeypatch):
    """A font with one character, an em wide, that no other test sees."""
    monkeypatch.setattr(fontManager, 'ttflist', list(fontManager.ttflist))
    monkeypatch.setattr(fonts, '_added', [])
    monkeypatch.delenv(fonts.FONT_VARIABLE, raising=False)
    pen = TTGlyphPen(None)
    for point in ((0, 0), (0, 900), (1000, 900), (1000, 0)):
        (pen.lineTo if pen.points else pen.moveTo)(point)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(['.notdef', 'dog'])
    builder.setupCharacterMap({ord(DOG): 'dog'})
    builder.setupGlyf({'.notdef': TTGlyphPen(None).glyph(), 'dog': pen.glyph()})
    builder.setupHorizontalMetrics({'.notdef': (500, 0), 'dog': (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable(dict(familyName='Only Dogs', styleName='Regular'))
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / 'dogs.ttf')
    clear()
    yield tmp_path / 'dogs.ttf'
    clear()


def clear():
    for function in (fonts.families_for, fonts._family_with, fonts._characters):
        function.cache_clear()


@pytest.fixture
def poor_system(monkeypatch):
    """A system that has matplotlib's own fonts only."""
    own = [entry for entry in fontManager.ttflist if 'mpl-data' in entry.fname]
    monkeypatch.setattr(fontManager, 'ttflist', own)


def draw(name):
    graph = random_scene_graph(torch.Generator().manual_seed(0), num_classes=1)
    return draw_scene_graph(np.full((60, 80, 3), 255, np.uint8), graph, [name], list('abcd'))


@pytest.mark.parametrize('by_variable', [False, True])
def test_a_name_is_drawn_with_the_font_that_has_it(
    font, poor_system, monkeypatch, by_variable, caplog
):
    with caplog.at_level('WARNING'):
        boxes = draw(DOG)
    clear()
    if by_variable:
        monkeypatch.setenv(fonts.FONT_VARIABLE, str(font))
    else:
        assert fonts.add_font(font) == 'Only Dogs'
    assert fonts.families_of([f'{DOG} 1', 'on']) == ('DejaVu Sans', 'Only Dogs')
    drawn = draw(DOG)
    assert drawn.shape != boxes.shape or (drawn != boxes).any()
    assert text_size(DOG, 10.0, ('DejaVu Sans', 'Only Dogs'))[0] == pytest.approx(10, rel=0.02)


def test_a_script_without_a_font_is_named_once_with_the_setting(font, poor_system, capfd):
    draw(DOG)
    draw(DOG)
    printed = ''.join(capfd.readouterr())
    assert printed.count('no font of this system') == 1
    assert f'{DOG!r} (CJK)' in printed and 'MMSGP_FONT' in printed


def test_latin_names_need_no_other_font(font):
    assert fonts.families_of(['dog', 'café', 'Ärmel']) == ('DejaVu Sans',)


def test_what_is_no_font_is_named(font, tmp_path):
    (tmp_path / 'a.ttf').write_text('no font')
    with pytest.raises(ValueError, match='a.ttf is not a font'):
        fonts.add_font(tmp_path / 'a.ttf')
    with pytest.raises(FileNotFoundError, match='b.ttf'):
        fonts.add_font(tmp_path / 'b.ttf')
