"""Leave out images that cannot be parsed, or that are parsed already."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .given_objects import WrongNumber


def without_errors(items: Iterator, on_error: Callable[[Exception], None]) -> Iterator:
    """Skip items with errors. Give no generator: it ends at its first error."""
    while True:
        try:
            yield next(items)
        except StopIteration:
            return
        except WrongNumber:
            raise
        except (OSError, ValueError) as error:
            on_error(error)


class Unfinished:
    """Iterator over the images that are not finished; it can go on after an error.

    Args:
        images: Items of :class:`~.image_inputs.ImageSource`.
        on_skipped: Called with each finished item. Defaults to None.
    """

    def __init__(
        self, images: Iterator[dict], on_skipped: Callable[[dict], None] | None = None
    ) -> None:
        self._images = images
        self._on_skipped = on_skipped

    def __iter__(self) -> Iterator[dict]:
        return self

    def __next__(self) -> dict:
        while True:
            image = next(self._images)
            if not image.get('finished'):
                return image
            if self._on_skipped is not None:
                self._on_skipped(image)


def counting(function: Callable | None, count: Callable[[], None]) -> Callable:
    """Return a function that counts its calls, and calls ``function`` if it is given."""

    def call(value: object) -> None:
        count()
        if function is not None:
            function(value)

    return call
