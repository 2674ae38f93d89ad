from .blocks import Block, list_blocks
from .extractor import GraphExtractor
from .items import Item, read_items
from .run import extract_graphs
from .schema import FAILURES, GRAPHS, SCHEMA_VERSION

__all__ = [
    'FAILURES',
    'GRAPHS',
    'SCHEMA_VERSION',
    'Block',
    'GraphExtractor',
    'Item',
    'extract_graphs',
    'list_blocks',
    'read_items',
]
