"""A real SFTP server: asyncssh, in a thread of the tests, over a folder."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

USER: Final = "holdall"
PASSWORD: Final = "sftp-Secret/0123456789"


class SFTP:
    """A server over `folder`, which its clients see as `/`. `sessions` counts the connections that were let in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions = 0
        self.key_file = folder.parent / f"{folder.name}.key"
        """The private key of a client that is let in without a password."""
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None

    @classmethod
    @contextmanager
    def running(cls, folder: Path, /) -> Iterator[SFTP]:
        """One server, until the block ends."""
        server = cls(folder)
        thread = threading.Thread(target=server._loop.run_forever, name="sftp")
        thread.start()
        try:
            server._do(server._start())
            yield server
        finally:
            server._do(server._stop())
            server._loop.call_soon_threadsafe(server._loop.stop)
            thread.join()
            server._loop.close()

    def cut(self) -> None:
        """Break every connection; new ones are let in."""
        self._do(self._cut())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.key_file.write_bytes(key.export_private_key())
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=lambda: _Server(self),
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=asyncssh.import_authorized_keys(key.export_public_key().decode()),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self.folder).encode()),
            encoding=None,
        )
        self.port = self._acceptor.get_port()

    async def _cut(self) -> None:
        for each in list(self._connections):
            each.abort()

    async def _stop(self) -> None:
        await self._cut()
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()


class _Server(asyncssh.SSHServer):
    def __init__(self, server: SFTP) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server._connections.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        right = (username, password) == (USER, PASSWORD)
        self._server.sessions += right
        return right
