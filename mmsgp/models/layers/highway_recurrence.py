"""The recurrence of a highway LSTM with few operations per step.

Shape shorthand: B images, T steps, H hidden units.

Autograd would run some twenty small operations per step, and as many again
backwards, among them a matrix product for the weights' gradient. Here a step is a
matrix product and one element-wise function in each direction; on a GPU with Triton
that function is one kernel, and the kernels of all steps are launched at once
(:class:`GraphedFunction`). The gradients of weight and bias are computed once, for all
steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from .fused import fused
from .graphed import GraphedFunction, pad_steps


def step_forward(
    projected: Tensor, state: Tensor, output: Tensor, memory: Tensor, keep: Tensor, present: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the element-wise part of a step, see :func:`highway_lstm_cell`.

    Args:
        projected: (B, 6H), projected input.
        state: (B, 5H), projected previous output.
        output: (B, H), previous output.
        memory: (B, H), previous memory.
        keep: (B, H), factors of the output, those of dropout.
        present: (B, 1), bool; where it is False, output and memory stay.

    Returns:
        tuple: Output and memory, (B, H) each, and what the backward pass needs:
        the five gates and tanh(memory), (B, 6H).
    """
    gates, highway = projected.split([state.shape[1], memory.shape[1]], dim=1)
    i, f, c, o, r = (gates + state).chunk(5, dim=1)
    i, f, c, o, r = i.sigmoid(), f.sigmoid(), c.tanh(), o.sigmoid(), r.sigmoid()
    next_memory = i * c + f * memory
    t = next_memory.tanh()
    next_output = (r * (o * t) + (1 - r) * highway) * keep
    return (
        torch.where(present, next_output, output),
        torch.where(present, next_memory, memory),
        torch.cat([i, f, c, o, r, t], dim=1),
    )


def step_backward(
    grad_output: Tensor,
    grad_state: Tensor,
    grad_memory: Tensor,
    passed: Tensor,
    saved: Tensor,
    projected: Tensor,
    memory: Tensor,
    keep: Tensor,
    present: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the element-wise part of a step backwards.

    Args:
        grad_output: (B, H), gradient of the output of this step.
        grad_state: (B, H), the part of it that comes from the next step's gates.
        grad_memory: (B, H), gradient of the memory.
        passed: (B, H), the part of the output's gradient that the next step, where
            it was padding, hands on.
        saved: (B, 6H), of :func:`step_forward`.
        projected: (B, 6H), projected input.
        memory: (B, H), previous memory.
        keep: (B, H).
        present: (B, 1), bool.

    Returns:
        tuple: Gradients of the projected input (B, 6H), of the previous memory,
        and of the previous output where this step is padding, (B, H) each.
    """
    i, f, c, o, r, t = saved.chunk(6, dim=1)
    highway = projected[:, -t.shape[1] :]
    total = grad_output + grad_state + passed
    of_output = torch.where(present, total * keep, 0)
    of_memory = torch.where(present, grad_memory + of_output * r * o * (1 - t * t), 0)
    of_input = torch.cat(
        [
            of_memory * c * i * (1 - i),
            of_memory * memory * f * (1 - f),
            of_memory * i * (1 - c * c),
            of_output * r * t * o * (1 - o),
            of_output * (o * t - highway) * r * (1 - r),
            of_output * (1 - r),
        ],
        dim=1,
    )
    return (
        of_input,
        torch.where(present, of_memory * f, grad_memory),
        torch.where(present, 0, total),
    )


def step_order(steps: int, reverse: bool) -> range:
    """Return the steps in the order in which they run."""
    return range(steps)[:: -1 if reverse else 1]


def run_steps(
    projected: Tensor, valid: Tensor, keep: Tensor, weight: Tensor, bias: Tensor, *, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Run all steps.

    Returns:
        tuple: Outputs (B, T, H), memories (T, B, H) after each step, and the third of
        :func:`step_forward`, (T, B, 6H).
    """
    step = fused(step_forward, projected.device.type)
    inputs, present = projected.unbind(dim=1), valid[..., None].unbind(dim=1)
    output = memory = torch.zeros_like(keep)
    outputs, memories, saved = ([output] * len(inputs) for _ in range(3))
    for t in step_order(len(inputs), reverse):
        state = F.linear(output, weight, bias)
        output, memory, saved[t] = step(inputs[t], state, output, memory, keep, present[t])
        outputs[t], memories[t] = output, memory
    return torch.stack(outputs, dim=1), torch.stack(memories), torch.stack(saved)


def run_steps_backward(
    grad_outputs: Tensor,
    outputs: Tensor,
    memories: Tensor,
    saved: Tensor,
    projected: Tensor,
    valid: Tensor,
    keep: Tensor,
    weight: Tensor,
    *,
    reverse: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run all steps backwards.

    Args:
        grad_outputs: (B, T, H), gradient of the outputs.
        outputs: (B, T, H) and the next two: results of :func:`run_steps`.
        memories: (T, B, H).
        saved: (T, B, 6H).

    Returns:
        tuple: Gradients of the projected inputs (B, T, 6H), of weight and of bias.
    """
    step = fused(step_backward, projected.device.type)
    order = step_order(len(saved), reverse)
    inputs, present = projected.unbind(dim=1), valid[..., None].unbind(dim=1)
    of_output = grad_outputs.unbind(dim=1)
    start = of_state = of_memory = passed = torch.zeros_like(keep)
    memory_before = dict(zip(order, [start, *(memories[t] for t in order)]))
    of_inputs = [start] * len(saved)
    for t in reversed(order):
        of_inputs[t], of_memory, passed = step(
            of_output[t],
            of_state,
            of_memory,
            passed,
            saved[t],
            inputs[t],
            memory_before[t],
            keep,
            present[t],
        )
        of_state = of_inputs[t][:, : len(weight)] @ weight
    of_projected = torch.stack(of_inputs, dim=1)
    of_gates = of_projected[..., : len(weight)].flatten(0, 1)  # (B * T, 5H)
    before = F.pad(outputs, (0, 0, -1, 1) if reverse else (0, 0, 1, -1))  # (B, T, H)
    return of_projected, of_gates.t() @ before.flatten(0, 1), of_gates.sum(dim=0)


@cache
def graphed(function: Callable, reverse: bool) -> GraphedFunction:
    """One of the two functions above, in one direction, as a graph."""
    return GraphedFunction(partial(function, reverse=reverse))


class HighwayRecurrence(torch.autograd.Function):
    """All steps of one layer; call :func:`highway_recurrence`."""

    @staticmethod
    def forward(
        ctx,
        projected: Tensor,
        valid: Tensor,
        keep: Tensor,
        weight: Tensor,
        bias: Tensor,
        reverse: bool,
    ) -> Tensor:
        ctx.reverse = reverse
        results = graphed(run_steps, reverse)(projected, valid, keep, weight, bias)
        ctx.save_for_backward(*results, projected, valid, keep, weight)
        return results[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        steps = graphed(run_steps_backward, ctx.reverse)
        of_projected, of_weight, of_bias = steps(grad_outputs, *ctx.saved_tensors)
        return of_projected, None, None, of_weight, of_bias, None


def highway_recurrence(
    projected: Tensor, valid: Tensor, keep: Tensor, weight: Tensor, bias: Tensor, reverse: bool
) -> Tensor:
    """Run the steps of a highway LSTM.

    Args:
        projected: (B, T, 6H), projected inputs.
        valid: (B, T), bool, False at padding, which does not change the state.
        keep: (B, H), factors of each output that goes on, those of dropout.
        weight: (5H, H), of the projection of the previous output.
        bias: (5H,), of the same.
        reverse: Run from the last step to the first.

    Returns:
        Tensor: (B, T, H), at padding the state before it.
    """
    steps = valid.shape[1]
    arguments = *pad_steps(projected, valid), keep, weight, bias
    if torch.is_grad_enabled():
        return HighwayRecurrence.apply(*arguments, reverse)[:, :steps]
    return graphed(run_steps, reverse)(*arguments)[0][:, :steps]
