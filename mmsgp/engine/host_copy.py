"""Read numbers of a GPU without waiting for it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number

import torch
from torch import Tensor


class HostCopy:
    """Named scalars on their way to the CPU.

    ``item()`` waits until the GPU has done all that it was given. A copy is started
    here, and waited for when it is read, one step later for example.

    Args:
        scalars: Tensors of one element, or numbers.
    """

    def __init__(self, scalars: Mapping[str, Tensor | Number]) -> None:
        self._scalars = dict(scalars)
        on_gpu = {
            name: value.detach().reshape(()).double()
            for name, value in self._scalars.items()
            if isinstance(value, Tensor) and value.is_cuda
        }
        self.on_the_way = bool(on_gpu)
        if on_gpu:
            values = torch.stack(list(on_gpu.values())).to('cpu', non_blocking=True)
            self._scalars.update(zip(on_gpu, values))
            self._done = torch.cuda.Event()
            self._done.record()

    def read(self) -> dict[str, Tensor | Number]:
        """Return the scalars, on the CPU; wait for those that are on the way."""
        if self.on_the_way:
            self._done.synchronize()
        return self._scalars
