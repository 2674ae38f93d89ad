"""The context of VCTree: LSTMs over a tree of the objects.

Shape shorthand: N objects of a batch, B images, T objects of the fullest image, C object
classes, H hidden units, d_o features of an object.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import (
    BOX_CODE_DIM,
    BatchNorm1d,
    ObjectSequences,
    TreeLabelDecoder,
    TreeLevels,
    TreeLSTM,
    box_codes,
    grow_trees,
    overlap_codes,
)
from ..relation_heads.head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .base import ContextEncoder


class PairScores(NamedTuple):
    """Which objects belong together, as logits, and the trees that follow from it."""

    logits: Tensor  # (B, T, T), subject and object
    levels: TreeLevels


@MODELS.register_module()
class VCTreeContext(ContextEncoder):
    """LSTMs over a maximum spanning tree of each image (Tang et al., 2019).

    Two objects score by what they look like and by how often their classes are related.
    Object context: LSTMs over the tree of [visual feature, class embedding, box code]; a
    decoder labels the objects from the root down. Edge context: LSTMs over [label
    embedding, visual feature, object context]. The trees have no gradient.

    Args:
        num_classes: See :class:`ContextEncoder`, as the next three.
        object_channels: d_o.
        image_channels: Not used.
        embedding_dim: Size of a class embedding.
        hidden_size: H. Defaults to 512.
        position_dim: Size of a box's position. Defaults to 128.
        norm_momentum: Of the batch normalisation of boxes; 0.001 in the official code,
            which takes many steps. Defaults to 0.1.
        decode_inputs: Whether the decoder sees the inputs of the LSTMs, too, as in the
            official code. Defaults to False.
        decoder_word_vectors: GloVe text file of the decoder's label embedding. Defaults to
            None: random.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        object_channels: int,
        image_channels: int,
        embedding_dim: int,
        hidden_size: int = 512,
        position_dim: int = 128,
        norm_momentum: float = 0.1,
        decode_inputs: bool = False,
        decoder_word_vectors: str | None = None,
    ) -> None:
        super().__init__()
        self.decode_inputs = decode_inputs
        self.scorer_of_pairs = PairScorer(
            num_classes, object_channels, embedding_dim, hidden_size, norm_momentum
        )
        self.position = nn.Sequential(
            nn.Linear(BOX_CODE_DIM, 32),
            BatchNorm1d(32, momentum=norm_momentum),
            nn.Linear(32, position_dim),
            nn.ReLU(inplace=True),
        )
        inputs = object_channels + embedding_dim + position_dim
        self.object_tree = TreeLSTM(inputs, hidden_size)
        self.decoder = TreeLabelDecoder(
            num_classes,
            hidden_size + decode_inputs * inputs,
            hidden_size,
            embedding_dim,
            decoder_word_vectors,
        )
        self.edge_tree = TreeLSTM(embedding_dim + object_channels + hidden_size, hidden_size)
        roles = nn.Linear(hidden_size, 2 * hidden_size)
        nn.init.normal_(roles.weight, std=10 * hidden_size**-0.5)
        nn.init.zeros_(roles.bias)
        self.fc_roles = nn.Sequential(roles, nn.ReLU(inplace=True))

    def encode_objects(
        self, classes: Tensor, regions: RegionFeatures, objects: ObjectBatch
    ) -> ObjectEncoding:
        """See :meth:`ContextEncoder.encode_objects`; visual features come first."""
        sequences = ObjectSequences(objects.image_ids, objects.sizes)
        pair_logits, scores = self.scorer_of_pairs(classes, regions.objects, objects, sequences)
        levels = TreeLevels(grow_trees(scores, sequences.valid), scores.device)
        inputs = [regions.objects, classes, self.position(box_codes(objects))]
        hidden = self.object_tree(torch.cat(inputs, dim=1), levels)
        logits = objects.logits
        if not objects.is_labelled:
            seen = torch.cat([*inputs, hidden], dim=1) if self.decode_inputs else hidden
            # Annotated boxes are taught; of detected ones some are background.
            all_known = objects.targets is not None and objects.class_bboxes is None
            logits = self.decoder(seen, objects.known_labels, levels, all_known)
        return ObjectEncoding(
            logits,
            torch.cat([regions.objects, hidden], dim=1),
            pair_states=PairScores(pair_logits, levels),
        )

    def encode_edges(self, classes: Tensor, context: ObjectContext, objects: ObjectBatch) -> Tensor:
        """See :meth:`ContextEncoder.encode_edges`; roles have H values each."""
        inputs = torch.cat([classes, context.representation], dim=1)
        return self.fc_roles(self.edge_tree(inputs, context.pair_states.levels))


class PairScorer(nn.Module):
    """Scores of pairs of objects, by their looks and their classes.

    ``logit_ij = FC [s_i * o_j, s_i, o_j, co_ij]`` and ``score_ij = sigmoid(logit_ij) co_ij``
    with the objects' features s as subject and o as object, and the expected co-occurrence
    of their classes. What it sees has no gradient.

    Args:
        num_classes: C, without background.
        object_channels: d_o.
        embedding_dim: Size of a class embedding.
        hidden_size: H.
        norm_momentum: Of the batch normalisation.
    """

    def __init__(
        self,
        num_classes: int,
        object_channels: int,
        embedding_dim: int,
        hidden_size: int,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        self.fc_box, self.fc_overlap = (
            nn.Sequential(
                nn.Linear(inputs, 128), BatchNorm1d(128, momentum=norm_momentum), nn.ReLU()
            )
            for inputs in (BOX_CODE_DIM, 6)
        )
        self.fc_visual = nn.Linear(object_channels, 128)
        self.fc_class = nn.Linear(embedding_dim, 128)
        self.fc_joint, self.fc_subject, self.fc_object = (
            nn.Sequential(nn.Linear(inputs, hidden_size), nn.ReLU())
            for inputs in (512, hidden_size, hidden_size)
        )
        self.fc_score = nn.Linear(3 * hidden_size + 1, 1)
        self.cooccurrence = nn.Embedding(num_classes + 1, num_classes + 1)
        nn.init.zeros_(self.cooccurrence.weight)

    def forward(
        self, classes: Tensor, visual: Tensor, objects: ObjectBatch, sequences: ObjectSequences
    ) -> tuple[Tensor, Tensor]:
        """Score pairs.

        Args:
            classes: (N, E), embedded classes.
            visual: (N, d_o).
            objects: The objects.
            sequences: The objects, image by image.

        Returns:
            tuple[Tensor, Tensor]: Logits (B, T, T), and symmetric scores (B, T, T).
        """
        joint = self.fc_joint(
            torch.cat(
                [
                    self.fc_box(box_codes(objects)),
                    self.fc_overlap(overlap_codes(objects.bboxes, objects.image_ids)),
                    self.fc_visual(visual.detach()),
                    self.fc_class(classes.detach()),
                ],
                dim=1,
            )
        )
        subjects, objects_ = (sequences.pad(fc(joint)) for fc in (self.fc_subject, self.fc_object))
        probabilities = sequences.pad(objects.logits.softmax(dim=1))
        table = self.cooccurrence.weight
        table = (table + table.t()) / 2
        together = probabilities @ table @ probabilities.transpose(1, 2)  # (B, T, T)
        hidden = subjects.shape[2]
        product, subject, object_, co = self.fc_score.weight[0].split([hidden] * 3 + [1])
        logits = (subjects * product) @ objects_.transpose(1, 2)
        logits = logits + (subjects @ subject)[:, :, None] + (objects_ @ object_)[:, None, :]
        logits = logits + co * together + self.fc_score.bias
        scores = logits.sigmoid() * together
        return logits, (scores + scores.transpose(1, 2)) / 2
