"""Run functions in another process, because they may crash or hang."""

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

    If a call hangs, crashes or fills the memory, only that process ends; the next
    call gets a new one. Caches of the functions live as long as the process. Any
    thread may call.

    Args:
        time_limit: Seconds that a call may take, without waiting for earlier
            calls.
        prepare: Called without arguments by each new process, without a time
            limit. Defaults to None.

    Example:
        >>> with Worker(time_limit=60) as worker:
        ...     graph = worker(parse, 'street.jpg')
    """

    def __init__(self, time_limit: float, prepare: Callable[[], Any] | None = None) -> None:
        if not time_limit > 0:
            raise ValueError(f'time_limit must be positive, got {time_limit}')
        self.time_limit = time_limit
        self._prepare = prepare or _nothing
        self._lock = threading.Lock()
        self._process = self._pipe = None

    def __call__(self, function: Callable, *args: Any) -> Any:
        """Call a function.

        Args:
            function: A function that pickle can import by name.
            *args: Its arguments.

        Returns:
            The result of the function.

        Raises:
            TimeoutError: If the function takes longer than the limit.
            ChildProcessError: If the process ends before the function.
            Exception: Any error of the function.
        """
        with self._lock:
            try:
                if self._process is None or not self._process.is_alive():
                    self._start()
                succeeded, result = self._ask(pickle.dumps((function, args)))
            except (EOFError, ConnectionError) as error:
                code = self._end()
                raise ChildProcessError(
                    f'the process of {function.__name__} ended with exit code {code}; '
                    'was there too little memory?'
                ) from error
            except TimeoutError:
                self._end(grace=0)
                raise
        if not succeeded:
            raise result
        return result

    def _ask(self, call: bytes) -> tuple[bool, Any]:
        self._pipe.send_bytes(call)
        if not self._pipe.poll(self.time_limit):
            raise TimeoutError(f'stopped after {self.time_limit:g} s')
        return pickle.loads(self._pipe.recv_bytes())

    def start(self) -> None:
        """Start the process now, instead of at the first call.

        Raises:
            ChildProcessError: If the process ends at once.
            Exception: Any error of ``prepare``.
        """
        self(_nothing)

    def _start(self) -> None:
        self._end()
        context = multiprocessing.get_context('spawn')
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, self._prepare), daemon=True)
        self._process.start()
        other_end.close()  # to notice when the process ends
        succeeded, result = pickle.loads(self._pipe.recv_bytes())
        if not succeeded:
            self._end()
            raise result

    def _end(self, grace: float = 1.0) -> int | None:
        """Wait some seconds for the process, kill it, and return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        self._pipe.close()
        process.join(grace)
        process.kill()
        process.join()
        return process.exitcode

    def close(self) -> None:
        """End the process and its current call."""
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the main process handles Ctrl-C
    pipe.send_bytes(_answer(prepare, ()))
    while True:
        try:
            function, args = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        pipe.send_bytes(_answer(function, args))


def _answer(function: Callable, args: tuple) -> bytes:
    """Pickle whether a call succeeded, and its result or error."""
    try:
        return pickle.dumps((True, function(*args)))
    except Exception as error:  # noqa: BLE001 - raised by the caller
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # not every error can be unpickled
        except Exception:  # noqa: BLE001 - any class, any error
            error = RuntimeError(f'{type(error).__name__}: {error}')
            answer = pickle.dumps((False, error))
        return answer
