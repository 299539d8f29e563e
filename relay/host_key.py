"""The relay's SSH host key: made on the first start, and kept, for users' clients remember it."""

import contextlib
import os
import stat
import tempfile

import asyncssh

from relay.errors import StartFailed

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def load_or_make(path: str) -> asyncssh.SSHKey:
    """Return the key in a file; if it is missing it is made, for its owner only. Raises StartFailed."""
    try:
        if not os.path.exists(path):
            _make(path)
        if os.stat(path).st_mode & _OTHERS:
            raise StartFailed(f"host key {path} can be read by others: chmod 600 {path}")
        return asyncssh.read_private_key(path)
    except OSError as error:
        raise StartFailed(f"host key {path}: {error.strerror}") from error
    except asyncssh.KeyImportError as error:
        raise StartFailed(f"host key {path}: not a private key without a passphrase ({error})") from error


def _make(path: str) -> None:
    """Write a new key, whole or not at all; of two relays that start together, one's key becomes both's."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="holdfast relay")
    # mkstemp's mode is 0600.
    descriptor, draft = tempfile.mkstemp(prefix=".host_key", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.export_private_key())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
