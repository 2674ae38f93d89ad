"""The queries of the documentation run and find what they say."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsgp.extraction import GRAPHS
from mmsgp.extraction.schema import graph_row

PAGE = Path(__file__).parents[2] / 'docs' / 'user_guides' / 'millions_of_images.md'
NAMES = ['man', 'horse', 'street']


def row(image, *triplets):
    objects = [dict(name=name, label=i, bbox=[0, 0, 9, 9]) for i, name in enumerate(NAMES)]
    relations = [
        dict(subject=s, object=o, predicate=p, label=1, score=score) for s, p, o, score in triplets
    ]
    return graph_row(image, dict(width=9, height=9, objects=objects, relations=relations))


@pytest.fixture
def answers(tmp_path):
    rows = [
        row('a.jpg', (0, 'riding', 1, 0.5), (0, 'on', 2, 0.4)),
        row('b.jpg', (1, 'riding', 0, 0.9), (0, 'on', 2, 0.1)),
        row('c.jpg', (0, 'riding', 1, 0.75)),
        row('d.jpg'),
    ]
    (tmp_path / 'graphs').mkdir()
    for number in range(2):  # two parts
        table = pa.Table.from_pylist(rows[2 * number : 2 * number + 2], schema=GRAPHS)
        pq.write_table(table, tmp_path / 'graphs' / f'part-{number:08d}.parquet')
    queries = re.findall(r'```sql\n(.*?)```', PAGE.read_text(), re.DOTALL)
    return [
        duckdb.sql(query.replace('graphs/graphs', f'{tmp_path}/graphs')).fetchall()
        for query in queries
    ]


def test_the_queries_of_the_page_find_what_they_say(answers):
    riders, triplets = answers
    assert riders == [('c.jpg', 0.75), ('a.jpg', 0.5)]
    assert triplets == [
        ('man', 'on', 'street', 2),
        ('man', 'riding', 'horse', 2),
        ('horse', 'riding', 'man', 1),
    ]
