"""Run all checks of the data of a config."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mmengine.config import Config

from . import files, names, objects, splits
from .data import read_data
from .facts import facts_of
from .findings import ERROR, Finding, Report

CHECKS = (
    splits.check_splits,
    names.check_labels,
    objects.check_boxes,
    objects.check_relations,
    objects.check_distances,
    objects.check_images,
    names.check_use,
    names.check_names,
    names.check_flips,
    splits.check_leakage,
    splits.check_order,
)


def check_config(
    cfg: Config,
    open_images: bool = False,
    track: Callable[[Iterable, int], Iterable] = lambda items, total: items,
    num_workers: int | None = None,
) -> Report:
    """Check the data of a config's loaders.

    Args:
        cfg: Config of a detector or a parser; its default scope is mmsgp.
        open_images: Whether image files are opened. Defaults to False: only
            whether they exist.
        track: Shows progress over an iterable with a number of items.
        num_workers: Processes that open images. Defaults to the number of cores.

    Returns:
        Report: Facts and findings, errors first.
    """
    data, findings = read_data(cfg)
    if data is None:
        return Report({}, _sorted(findings))
    paths, exist = files.find_files(data)
    findings += files.check_folders(data) or files.check_missing(data, paths, exist)
    for check in CHECKS:
        findings += check(data)
    if open_images:
        findings += files.check_contents(data, paths, exist, track, num_workers)
    return Report(facts_of(data), _sorted(findings))


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.severity != ERROR)
