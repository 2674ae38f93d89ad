"""LSTM with highway connections and alternating directions.

Shape shorthand: B images, T steps, I inputs, H hidden units.
"""

from __future__ import annotations

import torch.nn as nn
from torch import Tensor

from .highway_recurrence import highway_recurrence


def highway_lstm_cell(inputs: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Run one step of a highway LSTM (Zhang et al., 2016; Neural Motifs).

    With gates i, f, o, r (sigmoid) and candidate c (tanh):
    ``m' = i * c + f * m`` and ``h = r * o * tanh(m') + (1 - r) * W_x x``.

    Args:
        inputs: (B, 6H), projected input: i, f, c, o, r and the highway
            ``W_x x``.
        state: (B, 5H), projected previous output: i, f, c, o, r.
        memory: (B, H), previous memory m.

    Returns:
        tuple[Tensor, Tensor]: Output h and memory m', (B, H) each.
    """
    gates, highway = inputs.split([state.shape[1], memory.shape[1]], dim=1)
    i, f, c, o, r = (gates + state).chunk(5, dim=1)
    memory = i.sigmoid() * c.tanh() + f.sigmoid() * memory
    carry = r.sigmoid()
    output = carry * (o.sigmoid() * memory.tanh()) + (1 - carry) * highway
    return output, memory


def init_highway_weights(input_projection: nn.Linear, state_projection: nn.Linear) -> None:
    """Initialise each gate's block orthogonally; biases 0, forget gate's 1."""
    for projection in (input_projection, state_projection):
        hidden = state_projection.in_features
        for block in projection.weight.data.split(hidden):
            nn.init.orthogonal_(block)
        if projection.bias is not None:
            nn.init.zeros_(projection.bias)
    state_projection.bias.data[hidden : 2 * hidden] = 1.0


class HighwayLSTMLayer(nn.Module):
    """One layer, running forwards or backwards over padded sequences.

    Args:
        input_size: I.
        hidden_size: H.
        reverse: Run from the last step to the first.
        dropout: Dropout of the output that goes to the next step, with one mask
            per sequence. Defaults to 0.
    """

    def __init__(
        self, input_size: int, hidden_size: int, reverse: bool, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.reverse = reverse
        self.dropout = nn.Dropout(dropout)
        # The gates have a single bias, that of the state projection.
        self.input_projection = nn.Linear(input_size, 6 * hidden_size, bias=False)
        self.state_projection = nn.Linear(hidden_size, 5 * hidden_size)
        init_highway_weights(self.input_projection, self.state_projection)

    def forward(self, inputs: Tensor, valid: Tensor) -> Tensor:
        """Run the layer.

        Args:
            inputs: (B, T, I).
            valid: (B, T), bool, False at padding, which follows the
                sequence and does not change the state.

        Returns:
            Tensor: (B, T, H), zero at padding.
        """
        projected = self.input_projection(inputs)  # (B, T, 6H)
        to_state = self.state_projection
        keep = self.dropout(projected.new_ones(len(inputs), to_state.in_features))
        outputs = highway_recurrence(
            projected, valid, keep, to_state.weight, to_state.bias, self.reverse
        )
        return outputs * valid[..., None]


class AlternatingHighwayLSTM(nn.Module):
    """Stacked layers; the first runs forwards, the second backwards, ...

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: Defaults to 1.
        dropout: Recurrent dropout. Defaults to 0.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            HighwayLSTMLayer(
                hidden_size if layer else input_size,
                hidden_size,
                reverse=bool(layer % 2),
                dropout=dropout,
            )
            for layer in range(num_layers)
        )

    def forward(self, inputs: Tensor, valid: Tensor) -> Tensor:
        """Run all layers: (B, T, I) and (B, T) to (B, T, H)."""
        for layer in self.layers:
            inputs = layer(inputs, valid)
        return inputs
