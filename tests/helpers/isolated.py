"""Run cases that may crash, hang or fill the memory, each within limits."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

SECONDS = 20
_MORE_MEMORY = 4 * 2**30


@dataclass
class Outcome:
    """The outcome of a case.

    Attributes:
        case: Its number.
        kind: ``'refused'`` (an ``OSError`` or a ``ValueError``), ``'error'`` (any
            other), ``'crash'``, ``'hang'``, or what the function returned.
        message: Of the error.
    """

    case: int
    kind: str
    message: str = ''


def run_isolated(
    function: Callable[[int], str], num_cases: int, seconds: float = SECONDS
) -> list[Outcome]:
    """Call a function of a case's number in other processes.

    Args:
        function (Callable): Does the case, and returns what became of it.
        num_cases (int): Numbers from 0.
        seconds (float): What a case may take. Defaults to 20.

    Returns:
        list[Outcome]: One for each case.
    """
    context = multiprocessing.get_context('fork')
    outcomes: list[Outcome] = []
    while len(outcomes) < num_cases:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(function, len(outcomes), num_cases, sender))
        process.start()
        sender.close()
        limit = 3 * seconds  # the first case may have a model to load
        try:
            while len(outcomes) < num_cases:
                if not receiver.poll(limit):
                    outcomes.append(Outcome(len(outcomes), 'hang'))
                    break
                outcomes.append(receiver.recv())
                limit = seconds
        except EOFError:
            process.join()
            outcomes.append(Outcome(len(outcomes), 'crash', str(process.exitcode)))
        finally:
            process.kill()
            process.join()
    return outcomes


def _work(function: Callable[[int], str], first: int, num_cases: int, sender: Connection) -> None:
    used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MORE_MEMORY,) * 2)
    for case in range(first, num_cases):
        try:
            outcome = Outcome(case, function(case))
        except (OSError, ValueError) as error:
            outcome = Outcome(case, 'refused', str(error))
        except BaseException as error:  # noqa: BLE001
            outcome = Outcome(case, 'error', f'{type(error).__name__}: {error}')
        sender.send(outcome)


def summary(outcomes: list[Outcome], name: str) -> dict[str, int]:
    """Numbers of outcomes by kind, after all of them were checked.

    Args:
        outcomes (list[Outcome]): Of :func:`run_isolated`.
        name (str): Every message must name this file, in one line.

    Raises:
        AssertionError: If a case crashed, hung, or failed in any other way than
            by a message of one line that names the file.
    """
    wrong = [
        outcome
        for outcome in outcomes
        if outcome.kind in ('error', 'crash', 'hang')
        or outcome.kind == 'refused'
        and (name not in outcome.message or '\n' in outcome.message)
    ]
    assert not wrong, f'{len(wrong)} of {len(outcomes)}: {wrong[:20]}'
    kinds = sorted({outcome.kind for outcome in outcomes})
    return {kind: sum(outcome.kind == kind for outcome in outcomes) for kind in kinds}
