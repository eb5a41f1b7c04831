"""A function's process, with all that it prints, from its start to its end."""

import contextlib
import ctypes
import fcntl
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from process_executor.runtime_api import Event, Exited, Message, Ready, RuntimeApi

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
# The kernel ties a child to the thread that started it, not to the process: this one lives as long as LocalStack.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-executor")


class TimedOutError(Exception):
    """The process has said nothing in time."""


class Process:
    """One life of a process. Another one has another endpoint, so that the dead can't answer for the living."""

    def __init__(self, command: Path, environment: dict[str, str]) -> None:
        """Starts it in the command's folder; `OSError` if that can't be."""
        self.is_stopped = False
        self._is_ready = False
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._api = RuntimeApi(self._messages)
        # A file, not a pipe: whoever reads it has all that was printed until then.
        self._output = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        fcntl.fcntl(self._output, fcntl.F_SETFL, os.O_APPEND)
        try:
            self._child = _STARTER.submit(
                subprocess.Popen,
                [command],
                cwd=command.parent,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            ).result()
        except OSError:
            self._api.close()
            raise
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    def until_ready(self, within: float) -> Message:
        """`Ready` as soon as the process asks for an event, or what came instead; the time is in seconds."""
        if self._is_ready:
            return Ready()
        message = self._message(time.monotonic() + within)
        self._is_ready = isinstance(message, Ready)
        return message

    def handle(self, event: Event, within: float) -> Message:
        """What the process, which must be ready, makes of the event; the time is in seconds."""
        self._is_ready = False
        self._api.offer(event)
        return self._message(time.monotonic() + within)

    def settles(self, within: float) -> bool:
        """Whether the process, having answered, lives on; what it prints until it asks again is waited for."""
        try:
            return isinstance(self.until_ready(within), Ready)
        except TimedOutError:
            return True

    def printed(self) -> str:
        """All that it has printed since this was last asked."""
        self._output.seek(0)
        text = self._output.read().decode(errors="replace")
        self._output.truncate(0)
        return text

    def stop(self) -> None:
        """Kills it with all that it has started, and waits until it is gone."""
        if self.is_stopped:
            return
        self.is_stopped = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._api.close()

    def _message(self, deadline: float) -> Message:
        try:
            return self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimedOutError from None

    def _watch(self) -> None:
        self._messages.put(Exited(self._child.wait()))


def _die_with(parent: int) -> Callable[[], None]:
    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # It may have died before.
        if os.getppid() != parent:
            os._exit(1)

    return tie
