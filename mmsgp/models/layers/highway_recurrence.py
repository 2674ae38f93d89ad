"""The recurrence of a highway LSTM with few operations per step.

Shape shorthand: B images, T steps, H hidden units.

Autograd would run some twenty small operations per step, and as many again
backwards, among them a matrix product for the weights' gradient. Here the backward
pass is written by hand: what does not depend on the order of the steps is computed for
all steps at once, before and after them. On a GPU all operations of a layer are launched
at once (:class:`GraphedFunction`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from .graphed import GraphedFunction, pad_steps


def step_order(steps: int, reverse: bool) -> range:
    """Return the steps in the order in which they run."""
    return range(steps)[:: -1 if reverse else 1]


def before_steps(states: Tensor, reverse: bool) -> Tensor:
    """Return the state before each step, zero before the first: (T, B, H)."""
    return F.pad(states, (0, 0, 0, 0, -1, 1) if reverse else (0, 0, 0, 0, 1, -1))


def run_steps(
    projected: Tensor, valid: Tensor, keep: Tensor, weight: Tensor, bias: Tensor, *, reverse: bool
) -> tuple[Tensor, ...]:
    """Run all steps, see :func:`highway_lstm_cell` and :func:`highway_recurrence`.

    Returns:
        tuple: Outputs (B, T, H) and, for the backward pass, of each step the memory
        (T, B, H), the sigmoid of all gates (T, B, 5H), the candidate (T, B, H) and
        tanh(memory) (T, B, H).
    """
    hidden = keep.shape[1]
    gates, highway = projected.transpose(0, 1).split([5 * hidden, hidden], dim=2)
    gates, weight = gates + bias, weight.t()
    present = valid.t()[..., None]
    output = memory = torch.zeros_like(keep)
    steps = [()] * len(gates)
    for t in step_order(len(gates), reverse):
        gate = torch.addmm(gates[t], output, weight)
        opened, candidate = gate.sigmoid(), gate[:, 2 * hidden : 3 * hidden].tanh()
        i, f, _, o, r = opened.chunk(5, dim=1)
        memory = torch.where(present[t], torch.addcmul(i * candidate, f, memory), memory)
        squashed = memory.tanh()
        output = torch.where(present[t], torch.lerp(highway[t], o * squashed, r) * keep, output)
        steps[t] = output, memory, opened, candidate, squashed
    outputs, *saved = zip(*steps)
    return torch.stack(outputs, dim=1), *(torch.stack(values) for values in saved)


def run_steps_backward(
    grad_outputs: Tensor,
    outputs: Tensor,
    memories: Tensor,
    opened: Tensor,
    candidates: Tensor,
    squashed: Tensor,
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
        outputs: (B, T, H) and the next four: results of :func:`run_steps`.
        memories: (T, B, H).
        opened: (T, B, 5H).
        candidates: (T, B, H).
        squashed: (T, B, H).

    Returns:
        tuple: Gradients of the projected inputs (B, T, 6H), of weight and of bias.
    """
    gates = len(weight)
    present = valid.t()[..., None].to(projected)  # (T, B, 1)
    highway = projected[..., gates:].transpose(0, 1)
    i, f, _, o, r = opened.chunk(5, dim=2)
    of_i, of_f, _, of_o, of_r = (opened * (1 - opened)).chunk(5, dim=2)
    # What the gradients of memory and output are multiplied by; 0 at padding.
    from_memory = (
        torch.stack(
            [
                candidates * of_i,
                before_steps(memories, reverse) * of_f,
                i * (1 - candidates.square()),
            ],
            dim=2,
        )
        * present[..., None]
    )  # (T, B, 3, H): i, f, c
    from_output = torch.stack(
        [r * squashed * of_o, (o * squashed - highway) * of_r, 1 - r], dim=2
    )  # (T, B, 3, H): o, r, highway
    to_memory = r * o * (1 - squashed.square())
    keeping, absent = keep * present, 1 - present
    forget = f * present + absent
    of_inputs = projected.new_empty(*highway.shape[:2], 6, highway.shape[2])  # (T, B, 6, H)
    of_state = of_memory = torch.zeros_like(keep)
    for t in reversed(step_order(len(of_inputs), reverse)):
        total = grad_outputs[:, t] + of_state
        of_output = total * keeping[t]
        of_memory = torch.addcmul(of_memory, of_output, to_memory[t])
        torch.mul(of_memory[:, None], from_memory[t], out=of_inputs[t, :, :3])
        torch.mul(of_output[:, None], from_output[t], out=of_inputs[t, :, 3:])
        of_memory = of_memory * forget[t]
        of_state = torch.addmm(total * absent[t], of_inputs[t].flatten(1)[:, :gates], weight)
    of_inputs = of_inputs.flatten(2)  # (T, B, 6H)
    of_gates = of_inputs[..., :gates].flatten(0, 1)  # (T * B, 5H)
    before = before_steps(outputs.transpose(0, 1), reverse).flatten(0, 1)
    return of_inputs.transpose(0, 1), of_gates.t() @ before, of_gates.sum(dim=0)


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
