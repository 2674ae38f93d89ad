"""What a check of a data set has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

ERROR, WARNING = 'error', 'warning'
_NUM_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """A problem of a data set.

    Attributes:
        check: Name of the check, e.g. ``'missing_images'``.
        severity: ``'error'`` if training stops or learns something wrong, else
            ``'warning'``.
        count: Number of cases.
        message: What is wrong and what to do, in a line.
        examples: The first cases.
    """

    check: str
    severity: str
    count: int
    message: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message + (f' (e.g. {"; ".join(self.examples)})' if self.examples else '')


@dataclass
class Report:
    """Facts and findings about the data of a config.

    Attributes:
        facts: Numbers of the data, see :func:`.facts.facts_of`; empty if they
            cannot be read.
        findings: The problems, errors first.
    """

    facts: dict = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def to_dict(self) -> dict:
        """Return it ready for JSON."""
        return dict(facts=self.facts, findings=[asdict(finding) for finding in self.findings])


def some(values: Sequence, rows: np.ndarray | None = None) -> tuple[str, ...]:
    """Return the first values, or those at the first true rows, as text."""
    if rows is not None:
        values = [values[i] for i in np.flatnonzero(rows)[:_NUM_EXAMPLES]]
    return tuple(map(str, values[:_NUM_EXAMPLES]))
