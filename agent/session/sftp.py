"""The sftp subsystem: asyncssh's own, in the step's directory."""

from typing import Any

import asyncssh


class Sftp(asyncssh.SFTPServer):
    """asyncssh's server, which also ends as OpenSSH's does: without an exit status scp calls it a failure."""

    def exit(self) -> None:
        """Tell the exit status; scp's old protocol, which asyncssh serves with this class, does so itself."""
        if self.channel.get_subsystem() == "sftp":
            self.channel.exit(0)


def serve(channel: Any) -> Sftp:
    """Make the server of one channel, asyncssh's `SSHChannel`."""
    return Sftp(channel)
