"""The columns of extracted graphs and of images that could not be parsed."""

from __future__ import annotations

import pyarrow as pa

# Changes with each change of the columns; it stands in the metadata of each file.
SCHEMA_VERSION = '1'
_METADATA = {'mmsgp_schema_version': SCHEMA_VERSION}

OBJECT = pa.struct(
    [
        ('name', pa.string()),
        ('label', pa.int32()),
        ('score', pa.float32()),
        *((side, pa.float32()) for side in ('x1', 'y1', 'x2', 'y2')),
    ]
)
RELATION = pa.struct(
    [
        ('subject', pa.int32()),
        ('predicate', pa.string()),
        ('object', pa.int32()),
        ('label', pa.int32()),
        ('score', pa.float32()),
    ]
)
GRAPHS = pa.schema(
    [
        pa.field('image', pa.string(), nullable=False),
        ('width', pa.int32()),
        ('height', pa.int32()),
        ('objects', pa.list_(OBJECT)),
        ('relations', pa.list_(RELATION)),
    ],
    metadata=_METADATA,
)
FAILURES = pa.schema(
    [pa.field('image', pa.string(), nullable=False), ('error', pa.string())], metadata=_METADATA
)


def graph_row(name: str, graph: dict) -> dict:
    """Convert a graph of :class:`~mmsgp.apis.SceneGraphInferencer` to a row of ``GRAPHS``.

    Args:
        name: Name of the image.
        graph: ``predictions`` of one image, of any task.

    Returns:
        dict: A value per column. Boxes are in pixels of the image; ``subject`` and
        ``object`` count from 0 in ``objects``.
    """
    return dict(
        image=name,
        width=graph['width'],
        height=graph['height'],
        objects=[
            dict(
                name=item['name'],
                label=item['label'],
                score=item.get('score'),
                **dict(zip(('x1', 'y1', 'x2', 'y2'), item['bbox'])),
            )
            for item in graph['objects']
        ],
        relations=[
            {key: relation.get(key) for key in RELATION.names} for relation in graph['relations']
        ],
    )
