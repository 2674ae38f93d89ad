"""Operations without a fixed number of steps, each as one node for PyTorch and for ONNX.

Their outputs have fixed sizes, so that a graph around them needs no mask of its own.

Shape shorthand: B images, n boxes and T objects of an image, C object classes, K regions.
"""

import torch
from mmcv.ops import nms, roi_align
from onnxscript import BOOL, FLOAT, INT64, script
from onnxscript import opset18 as op
from torch import Tensor

from mmsgp.models.layers.joint_nms import LABELLED


@torch.library.custom_op('mmsgp::suppress', mutates_args=())
def suppress(bboxes: Tensor, scores: Tensor, iou_thr: float, number: int) -> Tensor:
    """Non-maximum suppression of each image.

    Args:
        bboxes: (B, n, 4).
        scores: (B, n), 0 where there is no box.
        iou_thr: IoU above which the box of the lower score goes.
        number: Largest number of boxes to keep.

    Returns:
        Tensor: (B, n), the scores of the kept boxes, 0 elsewhere.
    """
    kept = torch.zeros_like(scores)
    for boxes, score, result in zip(bboxes, scores, kept):
        rows = score.nonzero().squeeze(1)
        if len(rows):
            _, order = nms(boxes[rows], score[rows], iou_thr)
            best = rows[order[:number]]
            result[best] = score[best]
    return kept


@suppress.register_fake
def _(bboxes: Tensor, scores: Tensor, iou_thr: float, number: int) -> Tensor:
    return torch.empty_like(scores)


def onnx_suppress(bboxes, scores, iou_thr: float, number: int):
    """Translate :func:`suppress`."""
    selected = op.NonMaxSuppression(
        bboxes,
        op.Unsqueeze(scores, op.Constant(value_ints=[1])),
        op.Constant(value_ints=[number]),
        op.Constant(value_floats=[iou_thr]),
        op.Constant(value_floats=[0.0]),
    )  # image, class, box
    rows = op.Gather(selected, op.Constant(value_ints=[0, 2]), axis=1)
    return op.ScatterND(op.Sub(scores, scores), rows, op.GatherND(scores, rows))


@torch.library.custom_op('mmsgp::label_jointly', mutates_args=())
def label_jointly(probabilities: Tensor, overlap: Tensor, valid: Tensor) -> Tensor:
    """Label boxes as :func:`~mmsgp.models.layers.joint_nms` does.

    Each box is that of all its classes, so that it is known before which ones overlap.

    Args:
        probabilities: (B, T, C), without background.
        overlap: (B, T, T), 1 where two boxes overlap, else 0.
        valid: (B, T), bool.

    Returns:
        Tensor: (B, T), labels.
    """
    images = torch.arange(len(valid), device=valid.device)
    scores = probabilities.masked_fill(~valid[..., None], LABELLED)
    labels = torch.zeros_like(valid, dtype=torch.long)
    for _ in range(valid.shape[1]):
        value, best = scores.flatten(1).max(dim=1)
        box, label = best // scores.shape[2], best % scores.shape[2]
        labels[images, box] = torch.where(value > LABELLED, label, labels[images, box])
        column = scores[images, :, label]
        scores[images, :, label] = column - overlap[images, box] * (column > 0)
        scores[images, box] = LABELLED
    return labels


@label_jointly.register_fake
def _(probabilities: Tensor, overlap: Tensor, valid: Tensor) -> Tensor:
    return torch.empty_like(valid, dtype=torch.long)


@script()
def onnx_label_jointly(probabilities: FLOAT, overlap: FLOAT, valid: BOOL) -> INT64:
    """Translate :func:`label_jointly`; no name may be that of an output of the graph.

    A step labels all boxes whose best score exceeds those of the unlabelled boxes that overlap
    them: none of these can come first, because scores only fall. A few steps are enough then,
    and starting operations is what takes the time.
    """
    shape = op.Shape(probabilities)
    number = op.Gather(shape, op.Constant(value_int=1))
    classes = op.Gather(shape, op.Constant(value_int=2))
    padding = op.Constant(value_float=-2.0)
    below_all = op.Constant(value_float=4.0)
    one = op.Constant(value_float=1.0)
    zero = op.Constant(value_float=0.0)
    last = op.Constant(value_ints=[2])
    each_class = op.Range(0, classes, 1)
    each_box = op.Range(0, number, 1)
    rows = op.Unsqueeze(each_box, op.Constant(value_ints=[1]))
    comes_first = op.Less(each_box, rows)  # (T, T), of two boxes with equal scores
    slots = op.Unsqueeze(valid, last)  # (B, T, 1)
    open_scores = op.Where(slots, probabilities, padding)
    unlabelled = op.Cast(slots, to=1)
    chosen = op.Mul(probabilities, zero)
    goes_on = op.Greater(op.ReduceMax(unlabelled, keepdims=0), zero)
    while goes_on:
        best = op.ReduceMax(open_scores, last, keepdims=1)  # (B, T, 1)
        label = op.ArgMax(open_scores, axis=2, keepdims=1)
        other = op.Transpose(best, perm=[0, 2, 1])
        ahead = op.Or(op.Greater(other, best), op.And(op.Equal(other, best), comes_first))
        waits = op.ReduceMax(op.Mul(overlap, op.Cast(ahead, to=1)), last, keepdims=1)
        is_box = op.Mul(unlabelled, op.Sub(one, waits))  # (B, T, 1)
        is_best = op.Mul(op.Cast(op.Equal(label, each_class), to=1), is_box)  # (B, T, C)
        chosen = op.Add(chosen, is_best)
        unlabelled = op.Sub(unlabelled, is_box)
        hit = op.Min(op.MatMul(overlap, is_best), one)
        lowered = op.Sub(open_scores, op.Mul(hit, op.Cast(op.Greater(open_scores, zero), to=1)))
        open_scores = op.Sub(lowered, op.Mul(is_box, below_all))
        goes_on = op.Greater(op.ReduceMax(unlabelled, keepdims=0), zero)
    return op.ArgMax(chosen, axis=2, keepdims=0)


@torch.library.custom_op('mmsgp::pool_regions', mutates_args=())
def pool_regions(
    feature_map: Tensor, rois: Tensor, height: int, width: int, scale: float, ratio: int
) -> Tensor:
    """Pool regions by RoIAlign, aligned, with the mean of the samples.

    Args:
        feature_map: (B, D, H, W).
        rois: (K, 5), image and box in pixels.
        height: Rows of a pooled map.
        width: Columns of a pooled map.
        scale: Cells per pixel.
        ratio: Samples per row and column of a bin.

    Returns:
        Tensor: (K, D, height, width).
    """
    return roi_align(feature_map, rois, (height, width), scale, ratio, 'avg', True)


@pool_regions.register_fake
def _(feature_map, rois, height, width, scale, ratio):
    return feature_map.new_empty(rois.shape[0], feature_map.shape[1], height, width)


def onnx_pool_regions(feature_map, rois, height: int, width: int, scale: float, ratio: int):
    """Translate :func:`pool_regions`."""
    image, box = (
        op.Slice(rois, *(op.Constant(value_ints=[n]) for n in (*ends, 1)))
        for ends in ((0, 1), (1, 5))
    )
    image = op.Cast(op.Squeeze(image, op.Constant(value_ints=[1])), to=7)
    return op.RoiAlign(
        feature_map,
        box,
        image,
        coordinate_transformation_mode='half_pixel',
        mode='avg',
        output_height=height,
        output_width=width,
        sampling_ratio=ratio,
        spatial_scale=scale,
    )


TRANSLATIONS = {
    torch.ops.mmsgp.suppress.default: onnx_suppress,
    torch.ops.mmsgp.label_jointly.default: onnx_label_jointly,
    torch.ops.mmsgp.pool_regions.default: onnx_pool_regions,
}
