"""The recurrence of a highway LSTM over trees with few operations per level.

Autograd would run some twenty small operations per level, and as many again backwards,
among them matrix products for the weights' gradients. Here a level is a matrix product
per relative and few element-wise operations in each direction. All that does not depend
on the level before is computed once, for all levels.

Shape shorthand: N objects of a batch by level, n objects of a level, K relatives of an
object, J objects that it is a relative of, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .object_trees import TreeWalk


class TreeStates(NamedTuple):
    """States of all nodes; the last row of the first two is for nodes without a relative."""

    outputs: Tensor  # (N + 1, H)
    memories: Tensor  # (N + 1, H)
    gates: Tensor  # (N, (4 + K) * H), after sigmoid or tanh


def empty_states(projected: Tensor, weights: Sequence[Tensor]) -> TreeStates:
    """Make states that :func:`run_level` fills."""
    gates, hidden = weights[0].shape
    outputs, memories = projected.new_zeros(2, len(projected) + 1, hidden)
    return TreeStates(outputs, memories, projected.new_empty(len(projected), gates))


def run_level(
    own: slice, projected: Tensor, weights: Sequence[Tensor], relatives: Tensor, states: TreeStates
) -> None:
    """Run a level, see :class:`TreeLSTMCell`.

    Args:
        own: Rows of the level.
        projected: (N, (5 + K) * H), projected inputs: i, o, r, u, K forget gates, and the
            highway.
        weights: K of ((4 + K) * H, H), of the projections of the relatives' outputs.
        relatives: (N, K), rows of each object's relatives, N without one.
        states: Changed in place.
    """
    count, hidden = len(weights), weights[0].shape[1]
    rows = relatives[own].flatten()
    before, memories = (
        some.index_select(0, rows).unflatten(0, (-1, count)) for some in states[:2]
    )  # (n, K, H)
    state = projected[own, :-hidden]
    for weight, output in zip(weights, before.unbind(1)):
        state = torch.addmm(state, output, weight.t())
    gates = states.gates[own]
    for function, part in (
        (torch.sigmoid, slice(3 * hidden)),
        (torch.tanh, slice(3 * hidden, 4 * hidden)),
        (torch.sigmoid, slice(4 * hidden, None)),
    ):
        function(state[:, part], out=gates[:, part])
    i, o, r, u, *forget = gates.unflatten(1, (-1, hidden)).unbind(1)
    memory = i * u
    for gate, relative in zip(forget, memories.unbind(1)):
        memory = torch.addcmul(memory, gate, relative)
    states.memories[own] = memory
    states.outputs[own] = torch.lerp(projected[own, -hidden:], o * memory.tanh(), r)


def run_levels(projected: Tensor, weights: Sequence[Tensor], walk: TreeWalk) -> TreeStates:
    """Run all levels, see :func:`run_level`."""
    states = empty_states(projected, weights)
    for own in walk.levels:
        run_level(own, projected, weights, walk.relatives, states)
    return states


def run_levels_backward(
    grad_outputs: Tensor,
    states: TreeStates,
    projected: Tensor,
    weights: Sequence[Tensor],
    walk: TreeWalk,
) -> tuple[Tensor, list[Tensor]]:
    """Run all levels backwards.

    Args:
        grad_outputs: (N, H), gradient of the outputs.
        states: Of :func:`run_levels`, as the other arguments.

    Returns:
        tuple: Gradients of the projected inputs (N, (5 + K) * H) and of the K weights.
    """
    count, hidden = len(weights), weights[0].shape[1]
    i, o, r, u, *forget = states.gates.unflatten(1, (-1, hidden)).unbind(1)
    rows = walk.relatives.flatten()
    before, memories = (
        some.index_select(0, rows).unflatten(0, (-1, count)).unbind(1) for some in states[:2]
    )
    t = states.memories[:-1].tanh()
    to_memory = r * o * (1 - t * t)
    slopes = [  # of the gates; the second and the third follow the output, others the memory
        u * i * (1 - i),
        r * t * o * (1 - o),
        (o * t - projected[:, -hidden:]) * r * (1 - r),
        i * (1 - u * u),
        *(memory * gate * (1 - gate) for memory, gate in zip(memories, forget)),
    ]
    slopes, forget = torch.stack(slopes, dim=1), torch.stack(forget, dim=1)
    of_gates, of_outputs = torch.empty_like(slopes), torch.empty_like(grad_outputs)
    # Gradients that each object hands to its relatives' outputs and memories; the last
    # row stands for no object.
    handed = [slopes.new_zeros(len(slopes) + 1, count, hidden) for _ in range(2)]
    for own in reversed(walk.levels):
        givers = walk.givers[own].flatten()
        of_output, of_memory = (
            some.flatten(0, 1).index_select(0, givers).unflatten(0, (-1, walk.givers.shape[1]))
            for some in handed
        )  # (n, J, H)
        of_output = of_outputs[own] = of_output.sum(dim=1) + grad_outputs[own]
        of_memory = torch.addcmul(of_memory.sum(dim=1), of_output, to_memory[own])
        both = [of_memory, of_output, of_output, of_memory, *[of_memory] * count]
        torch.mul(slopes[own], torch.stack(both, dim=1), out=of_gates[own])
        torch.mul(forget[own], of_memory[:, None], out=handed[1][own])
        for k, weight in enumerate(weights):
            torch.mm(of_gates[own].flatten(1), weight, out=handed[0][own, k])
    of_gates = of_gates.flatten(1)
    of_projected = torch.cat([of_gates, of_outputs * (1 - r)], dim=1)
    return of_projected, [of_gates.t() @ output for output in before]


class TreeRecurrence(torch.autograd.Function):
    """All levels; call :func:`tree_recurrence`."""

    @staticmethod
    def forward(ctx, projected: Tensor, walk: TreeWalk, *weights: Tensor) -> Tensor:
        states = run_levels(projected, weights, walk)
        ctx.walk = walk
        ctx.save_for_backward(projected, *states, *weights)
        return states.outputs[:-1].clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        projected, *states = ctx.saved_tensors
        states, weights = TreeStates(*states[:3]), states[3:]
        of_projected, of_weights = run_levels_backward(
            grad_outputs, states, projected, weights, ctx.walk
        )
        return of_projected, None, *of_weights


def tree_recurrence(projected: Tensor, weights: Sequence[Tensor], walk: TreeWalk) -> Tensor:
    """Run a highway LSTM over trees.

    Args:
        projected: (N, (5 + K) * H), see :func:`run_level`.
        weights: K of ((4 + K) * H, H).
        walk: In the direction of the LSTM.

    Returns:
        Tensor: Outputs (N, H).
    """
    weights = [weight.to(projected.dtype) for weight in weights]  # in mixed precision
    if not torch.is_grad_enabled():
        return run_levels(projected, weights, walk).outputs[:-1]
    return TreeRecurrence.apply(projected, walk, *weights)
