"""Compare a relation head with its formulas, written naively in float64."""

from __future__ import annotations

from dataclasses import replace

import torch

from mmsgp.models import RegionFeatures
from mmsgp.testing.models import HEADS, random_objects, small_parser

CHANNELS = 256


def random_inputs(head, sizes, channels=CHANNELS, **regions):
    """Random features, in float64, of all pairs of objects of images of these sizes."""
    objects = random_objects(sizes)
    objects = replace(
        objects,
        bboxes=objects.bboxes.double(),
        logits=objects.logits.double(),
        image_sizes=objects.image_sizes.double() * torch.tensor([1.0, 1.5]),
    )
    pairs = head.candidate_pairs(objects)

    def features(rows):
        return torch.randn(rows, channels, dtype=torch.float64, requires_grad=True)

    return RegionFeatures(
        pairs,
        images=torch.randn(len(sizes), 64, dtype=torch.float64),
        objects=features(len(objects.bboxes)),
        unions=features(len(pairs)),
        **regions,
    ), objects


def small_head(name, **settings):
    """A small head in float64; random weights of a frequency prior."""
    head = small_parser(type=name, **{**HEADS[name], **settings}).relation_head.double().eval()
    if head.frequency_prior is not None:
        torch.nn.init.normal_(head.frequency_prior.table)
    return head


def compare(head, naive, regions, objects, tolerance=1e-9):
    """Compare object logits, relation logits and all gradients.

    Args:
        head: The head, in float64.
        naive: A function of head, regions and objects that returns both logits.
        regions: Leaf tensors.
        objects: The objects.
    """
    inputs = [regions.objects, regions.unions, regions.scenes]
    inputs = [t for t in inputs if t is not None] + [
        p for p in head.parameters() if p.requires_grad
    ]
    output = head(regions, objects)
    found = output.context.logits, output.relation_logits
    expected = naive(head, regions, objects)
    results = []
    for logits in (found, expected):
        torch.manual_seed(7)
        loss = sum((torch.randn_like(part) * part).sum() for part in logits)
        results.append(torch.autograd.grad(loss, inputs, allow_unused=True))
    close = dict(rtol=tolerance, atol=tolerance)
    for one, other in zip(found, expected):
        assert one.std() > 1e-6
        torch.testing.assert_close(one, other, **close)
    for one, other in zip(*results):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, **close)


def predicate_logits(head, feature, subject, object_):
    """Logits of one pair with a linear classifier, or one in two parts, and a prior."""
    classifier = head.fc_predicate
    if hasattr(classifier, 'parts'):
        start, logits = 0, 0
        for part in classifier.parts:
            stop = start + part.in_features
            logits = logits + part.weight @ feature[start:stop] + part.bias
            start = stop
    else:
        logits = classifier.weight @ feature + classifier.bias
    if head.frequency_prior is not None:
        logits = logits + head.frequency_prior.table[subject, object_]
    return logits


def box_code(objects, row):
    """The nine numbers of one box."""
    width, height = objects.image_sizes[objects.image_ids[row]].tolist()
    x1, y1, x2, y2 = objects.bboxes[row].tolist()
    w, h = (x2 - x1) / width, (y2 - y1) / height
    numbers = [w, h, (x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
    numbers += [x1 / width, y1 / height, x2 / width, y2 / height, w * h]
    return torch.tensor(numbers, dtype=torch.float64)
