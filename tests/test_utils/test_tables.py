"""Tables of text, and the same as CSV."""

import csv
import math

from mmsgp.utils.files import write_csv
from mmsgp.utils.tables import new_table, percent, render


def test_names_are_no_markup_and_numbers_stand_below_each_other():
    table = new_table('of [bold]', 'name', '[red]', 'R@20')
    table.add_row('on', '7', percent(5))
    table.add_row('under', '11', percent(math.nan))
    title, _, header, _, *rows = render(table).splitlines()
    assert title == 'of [bold]'
    assert header.split() == ['name', '[red]', 'R@20']
    assert [row.split() for row in rows] == [['on', '7', '5.00'], ['under', '11', '-']]
    assert rows[0].index('7') == rows[1].index('11') + 1  # units below units


def test_what_is_unknown_is_an_empty_cell(tmp_path):
    rows = [['name', 'R'], ['über, a', 0.1 + 0.2], ['b', math.nan], ['c', None]]
    write_csv(tmp_path / 'new' / 'table.csv', rows)
    assert b'\r' not in (tmp_path / 'new' / 'table.csv').read_bytes()
    with open(tmp_path / 'new' / 'table.csv', newline='', encoding='utf-8') as file:
        read = list(csv.reader(file))
    assert read == [['name', 'R'], ['über, a', repr(0.1 + 0.2)], ['b', ''], ['c', '']]
