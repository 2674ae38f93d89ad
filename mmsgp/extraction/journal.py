"""Find out which image ended the process that parsed it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mmsgp.utils.files import make_folder, replacing

from .items import Item

# An image is left out if its process ended so many times while it was parsed alone.
MAX_DEATHS = 2


class Journal:
    """Notes which images of a block are being parsed.

    A process that is killed leaves the note. Whoever does the block next parses those
    images one by one, and leaves out an image that ended the process twice.

    Args:
        path: File of the note.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._deaths: dict[tuple[int, int], int] = {}
        make_folder(path.parent)
        if path.is_file():
            note = json.loads(path.read_text())
            self._deaths = {(start, stop): deaths for start, stop, deaths in note['deaths']}
            begun = tuple(note['begun'])
            self._deaths[begun] = self._deaths.get(begun, 0) + 1

    def batches(self, items: Iterable[Item], batch_size: int) -> Iterator[list[Item]]:
        """Divide items into batches; the one that was yielded last is noted.

        Args:
            items: All items of the block.
            batch_size: Largest size of a batch.

        Yields:
            list[Item]: Batches; an item that has to be left out has an error.
        """
        items = iter(items)
        start = 0
        while batch := list(islice(items, 1 if self._is_suspect(start) else batch_size)):
            span = start, start + len(batch)
            start = span[1]
            if len(batch) == 1 and self._deaths.get(span, 0) >= MAX_DEATHS:
                error = f'its process ended {MAX_DEATHS} times while it was parsed'
                batch = [replace(batch[0], error=error)]
            else:
                self._note(span)
            yield batch

    def remove(self) -> None:
        """Forget the block, because it is done."""
        self._path.unlink(missing_ok=True)

    def _is_suspect(self, index: int) -> bool:
        return any(start <= index < stop for start, stop in self._deaths)

    def _note(self, span: tuple[int, int]) -> None:
        deaths = [[*key, number] for key, number in self._deaths.items()]
        with replacing(self._path, durable=False) as draft:
            draft.write_text(json.dumps(dict(begun=span, deaths=deaths)))
