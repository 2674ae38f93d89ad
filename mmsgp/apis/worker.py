"""Calls in a process of their own, which may fail or take too long."""
from __future__ import annotations

import multiprocessing
import pickle
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class Worker:
    """Calls functions in another process, one at a time.

    A call that does not end, fills the memory or crashes ends with that process
    and harms nothing else; the next call gets a fresh one. Caches of the
    functions live as long as the process. Any thread may call.

    Args:
        time_limit: Seconds that a call may take, without its wait for
            calls before it.
        prepare: Called without arguments by each new process,
            for as long as it takes. Defaults to None.

    Example:
        >>> with Worker(time_limit=60) as worker:
        ...     graph = worker(parse, 'street.jpg')
    """

    def __init__(self, time_limit: float,
                 prepare: Callable[[], Any] | None = None) -> None:
        if not time_limit > 0:
            raise ValueError(f'time_limit must be positive, got {time_limit}')
        self.time_limit = time_limit
        self._prepare = prepare or _nothing
        self._lock = threading.Lock()
        self._process = self._pipe = None

    def __call__(self, function: Callable, *args) -> Any:
        """Call a function.

        Args:
            function: Importable by its name, as for pickle.
            *args: Its arguments.

        Returns:
            What it returns.

        Raises:
            TimeoutError: If it takes longer than the limit.
            ChildProcessError: If its process ends before it does.
            Exception: What it raises.
        """
        with self._lock:
            try:
                if self._process is None or not self._process.is_alive():
                    self._start()
                succeeded, result = self._ask(pickle.dumps((function, args)))
            except (EOFError, ConnectionError) as error:
                code = self._end()
                raise ChildProcessError(
                    f'{function.__name__} ended its process, exit code {code}; was '
                    'there too little memory?') from error
            except TimeoutError:
                self._end(grace=0)
                raise
        if not succeeded:
            raise result
        return result

    def _ask(self, call: bytes) -> tuple[bool, Any]:
        self._pipe.send_bytes(call)
        if not self._pipe.poll(self.time_limit):
            raise TimeoutError(f'given up after {self.time_limit:g} s')
        return pickle.loads(self._pipe.recv_bytes())

    def start(self) -> None:
        """Start the process now, instead of at the first call.

        Raises:
            ChildProcessError: If it ends at once.
            Exception: What ``prepare`` raises.
        """
        self(_nothing)

    def _start(self) -> None:
        self._end()
        context = multiprocessing.get_context('spawn')
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other_end, self._prepare), daemon=True)
        self._process.start()
        other_end.close()  # so that the end of the process is noticed
        succeeded, result = pickle.loads(self._pipe.recv_bytes())
        if not succeeded:
            self._end()
            raise result

    def _end(self, grace: float = 1.0) -> int | None:
        """Give the process some seconds to end, then kill it; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        self._pipe.close()
        process.join(grace)
        process.kill()
        process.join()
        return process.exitcode

    def close(self) -> None:
        """End the process, and the call that it is in."""
        if self._process is not None:
            self._process.kill()
        with self._lock:
            self._end()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _nothing() -> None:
    pass


def _serve(pipe: Connection, prepare: Callable) -> None:
    """Answer calls until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process
    pipe.send_bytes(_answer(prepare, ()))
    while True:
        try:
            function, args = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        pipe.send_bytes(_answer(function, args))


def _answer(function: Callable, args: tuple) -> bytes:
    """Whether the call succeeded, and its result or error, pickled."""
    try:
        return pickle.dumps((True, function(*args)))
    except Exception as error:  # noqa: BLE001 - handed on
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # not every error can be
        except Exception:  # noqa: BLE001 - of any kind, from any class
            error = RuntimeError(f'{type(error).__name__}: {error}')
            answer = pickle.dumps((False, error))
        return answer
