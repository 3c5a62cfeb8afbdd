"""Server process: started, awaited, and killed with its children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_POLL = 0.02


def free_ports(count: int, /) -> list[int]:
    """Returns different free ports, all of which are bound at the same time before they are released."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def listens(port: int, /) -> bool:
    """Whether a process listens on a port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def until(ready: Callable[[], bool], /, *, seconds: float, what: Callable[[], str]) -> None:
    """Poll until `ready()` is true.

    Raises:
        RuntimeError: it was not in time; `what()` says what was waited for.
    """
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"not ready after {seconds:g} s: {what()}")
        time.sleep(_POLL)


class ServerProcess:
    """Command in its own process group, with its output in `log`."""

    def __init__(self, command: Sequence[str], /, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], /, *, seconds: float = 30) -> None:
        """Poll until the server is ready.

        Raises:
            RuntimeError: it ended, or was not ready in time; the message carries the end of its log.
        """

        def alive_and_ready() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(f"ended with {self._process.returncode}: {self._said()}")
            return ready()

        until(alive_and_ready, seconds=seconds, what=self._said)

    def kill(self) -> None:
        """Kills the whole group: some servers need 15 s for a graceful stop."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it ended on its own
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _said(self) -> str:
        return f"{' '.join(self.command)}\n{self.log.read_text(errors='replace')[-2000:]}"
