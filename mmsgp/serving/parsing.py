"""Parse the images of a batch of requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmsgp.apis import SceneGraphInferencer
from mmsgp.apis.given_objects import given_task


@dataclass(frozen=True)
class ParseRequest:
    """An image and what is known of its objects.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        name: Its name in error messages.
        bboxes: Given boxes, (N, 4) in pixels, or None.
        labels: Their classes, (N,), or None.
    """

    image: np.ndarray
    name: str
    bboxes: list | None = None
    labels: list | None = None

    @property
    def task(self) -> str:
        """The task, which is the same for all images of a batch."""
        return given_task(self.bboxes, self.labels)


class BatchParser:
    """Function of a :class:`~mmsgp.serving.Batcher`: parses requests of one task.

    Args:
        inferencer: Holds the model.
    """

    def __init__(self, inferencer: SceneGraphInferencer) -> None:
        self.inferencer = inferencer

    def __call__(self, task: str, requests: list[ParseRequest]) -> list[dict | Exception]:
        """Return a graph per request, or the error of a request that failed."""
        given = {}
        if task != 'sggen':
            given['bboxes'] = [request.bboxes for request in requests]
        if task == 'predcls':
            given['labels'] = [request.labels for request in requests]
        images = [request.image for request in requests]
        try:
            results = self.inferencer.stream(images, batch_size=len(images), topk=_MOST, **given)
            return [result['predictions'] for result in results]
        except Exception as error:  # noqa: BLE001 it belongs to one of the requests
            if len(requests) == 1:
                return [error]
        return [self(task, [request])[0] for request in requests]


# As many relations as any request may ask for.
_MOST = 10_000
