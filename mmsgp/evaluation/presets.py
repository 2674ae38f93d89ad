"""Protocols of evaluation that publications use.

They differ in what counts as a hit and in what is averaged, so that figures of different
protocols cannot be compared. Sources: the released evaluation code of each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A protocol.

    Attributes:
        whole_pixels: Whether a box ends with the pixel ``x2, y2``, so that its width
            is ``x2 - x1 + 1``.
        distinct_relations: Whether an annotated relation that occurs several
            times in an image counts once.
        skip_unpredicted: Whether images without predictions are left out, instead
            of counting 0.
        absent_as_zero: Whether predicates that the split lacks count 0 in mR,
            instead of being left out.
        pooled: Whether a predicate's recall is that of all its relations together,
            instead of the mean over images.
        relation_nms: IoU of the relation NMS in PredCls and SGCls, see
            :func:`~.functional.relation_nms`; None for none.
        open_images: Whether to compute the score of Open Images, see
            :mod:`~.functional.open_images`.
    """

    whole_pixels: bool = False
    distinct_relations: bool = False
    skip_unpredicted: bool = False
    absent_as_zero: bool = False
    pooled: bool = False
    relation_nms: float | None = None
    open_images: bool = False


PRESETS = {
    'mmsgp': Preset(),
    # Tang et al., scene-graph-benchmark
    'sgb': Preset(whole_pixels=True, skip_unpredicted=True, absent_as_zero=True),
    # Zellers et al., neural-motifs
    'neural-motifs': Preset(whole_pixels=True, pooled=True),
    # Zhang et al., IETrans: that of SGB without duplicate relations
    'ietrans': Preset(
        whole_pixels=True, distinct_relations=True, skip_unpredicted=True, absent_as_zero=True
    ),
    # Zheng et al., PE-Net: that of SGB with relation NMS
    'penet': Preset(
        whole_pixels=True, skip_unpredicted=True, absent_as_zero=True, relation_nms=0.6
    ),
    # Yang et al., PSG, by boxes
    'psg': Preset(distinct_relations=True),
    # PySGG's evaluation of Open Images
    'openimages': Preset(
        whole_pixels=True, skip_unpredicted=True, absent_as_zero=True, open_images=True
    ),
}


def get_preset(name: str) -> Preset:
    """Return the protocol of a name.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in PRESETS:
        raise ValueError(f'preset must be one of {tuple(PRESETS)}, got {name!r}')
    return PRESETS[name]
