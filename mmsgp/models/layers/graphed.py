"""Functions that run many small kernels, as one launch of a GPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor

# Sequences are padded to a multiple of this, so that few graphs are recorded.
GRAPHED_STEPS = 8


def pad_steps(*tensors: Tensor, value: float = 0) -> tuple[Tensor, ...]:
    """Pad (B, T, ...) on a GPU to a multiple of ``GRAPHED_STEPS`` steps T."""
    padding = -tensors[0].shape[1] % GRAPHED_STEPS
    if not (padding and tensors[0].is_cuda):
        return tensors
    return tuple(
        F.pad(tensor, (*[0] * 2 * (tensor.dim() - 2), 0, padding), value=value)
        for tensor in tensors
    )


class GraphedFunction:
    """Runs a function of tensors as a CUDA graph, one for each set of shapes.

    The first call with new shapes runs the function itself; the second one records its
    kernels; from then on they are replayed, for which Python and the driver start one
    thing. Arguments are copied into the graph's memory and results out of it, so that
    callers may keep both. On a CPU, while another graph is recorded, and while a model is
    exported, the function itself runs.

    Args:
        function: A pure function of tensors on one device that returns a tuple of tensors,
            and neither waits for the device, as a copy of a number from the CPU does, nor
            draws random numbers: recording would break the process.
        max_graphs: Graphs that are kept; the one used longest ago goes first. Defaults
            to 64.
    """

    def __init__(self, function: Callable[..., tuple[Tensor, ...]], max_graphs: int = 64) -> None:
        self.function = function
        self.max_graphs = max_graphs
        self.graphs: OrderedDict[tuple, _Graph | None] = OrderedDict()

    def __reduce__(self) -> tuple:
        """Copy the function without its graphs, which belong to this process."""
        return type(self), (self.function, self.max_graphs)

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Run the function, see the class."""
        if not tensors[0].is_cuda or is_traced() or torch.cuda.is_current_stream_capturing():
            return self.function(*tensors)
        device = tensors[0].device
        memory = _memory(device, torch.cuda.current_stream(device).cuda_stream)
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        key = memory, precision_settings(), shapes
        with memory.lock, torch.inference_mode(False), torch.no_grad():
            if key not in self.graphs:
                results = self.function(*tensors)
                self.graphs[key] = None
                if len(self.graphs) > self.max_graphs:
                    self.graphs.popitem(last=False)
                return results
            if self.graphs[key] is None:
                self.graphs[key] = _Graph(self.function, tensors, memory.stream, memory.pool)
            self.graphs.move_to_end(key)
            return self.graphs[key](*tensors)


def is_traced() -> bool:
    """Whether a compiler or an exporter follows the model."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.onnx.is_in_onnx_export()


def precision_settings() -> tuple:
    """Settings of PyTorch that decide which kernels run."""
    return (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.deterministic,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled('cuda') and torch.get_autocast_dtype('cuda'),
    )


class _Graph:
    """The recorded kernels of a function, for arguments of these shapes."""

    def __init__(
        self,
        function: Callable,
        tensors: tuple[Tensor, ...],
        stream: torch.cuda.Stream,
        pool: tuple[int, int] | None = None,
    ) -> None:
        device = tensors[0].device
        self.arguments = [tensor.clone(memory_format=torch.contiguous_format) for tensor in tensors]
        self.graph = torch.cuda.CUDAGraph()
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.device(device), torch.cuda.stream(stream):
            function(*self.arguments)  # libraries prepare themselves once in each thread
            # Other threads, such as the one that pins batches, go on using the GPU.
            self.graph.capture_begin(pool, capture_error_mode='thread_local')
            try:
                self.results = function(*self.arguments)
            finally:
                self.graph.capture_end()
        torch.cuda.current_stream(device).wait_stream(stream)

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        torch._foreach_copy_(self.arguments, tensors)
        self.graph.replay()
        return tuple(result.clone() for result in self.results)


class _Memory:
    """Memory that all graphs of a stream share, because they run one after another.

    A first graph, which never runs, keeps the pool alive when all others are gone.

    Attributes:
        stream: Where all of them are recorded: PyTorch keeps freed memory, and a workspace of
            cuBLAS, for each stream on its own.
        pool: Handle of the memory.
        lock: Held while a graph is recorded or replayed, until its results are copied.
    """

    def __init__(self, device: torch.device) -> None:
        self.lock = Lock()
        self.stream = torch.cuda.Stream(device)
        self.keeper = _Graph(
            lambda tensor: (tensor + 1,), (torch.zeros(1, device=device),), self.stream
        )
        self.pool = self.keeper.graph.pool()


@cache
def _memory(device: torch.device, stream: int) -> _Memory:
    return _Memory(device)
