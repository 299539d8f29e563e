"""The sftp subsystem: asyncssh's own, in the step's directory."""

import errno
import os
import stat
from typing import Any

import asyncssh


class Sftp(asyncssh.SFTPServer):
    """asyncssh's server, which also ends as OpenSSH's does: without an exit status scp calls it a failure."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        """Open a file, as versions before 5 ask for it."""
        self._refuse_fifo(path)
        return super().open(path, pflags, attrs)

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        """Open a file, as later versions ask for it."""
        self._refuse_fifo(path)
        return super().open56(path, desired_access, flags, attrs)

    def exit(self) -> None:
        """Tell the exit status; scp's old protocol, which asyncssh serves with this class, does so itself."""
        if self.channel.get_subsystem() == "sftp":
            self.channel.exit(0)

    def _refuse_fifo(self, path: bytes) -> None:
        """Opening a FIFO waits for its other end, and everybody here with it: files are opened on the event loop."""
        try:
            mode = os.stat(self.map_path(path)).st_mode
        except OSError:  # the open itself will say what is wrong
            return
        if stat.S_ISFIFO(mode):
            raise OSError(errno.ENXIO, "a FIFO cannot be opened by sftp")


def serve(channel: Any) -> Sftp:
    """Make the server of one channel, asyncssh's `SSHChannel`."""
    return Sftp(channel)
