"""The messages between the keeper and the session process.

They share one `SOCK_SEQPACKET` socket pair: one packet is one message, words of ASCII separated by one
blank, at most `LIMIT` bytes. This docstring is the contract that every keeper is held to.

| message | from → to | meaning |
| --- | --- | --- |
| `ready` | session → keeper | in a session of its own, it hears the end of this link: the step may start |
| `step PID` | keeper → session | once it is there, or by its own process before its `exec`; PID as the keeper sees it |
| `open STATE STATUS MS` | keeper → session | open a session for a step in this state, MS since its start |
| `hidden` | session → keeper | nobody else can look into it now: it may have the token (keeper in C) |
| `opened` | session → keeper | at once: it did not die asleep, where nobody had noticed yet |
| `named ID` | session → keeper | the session's id, which what its users start has in its environment |
| `enabled` | session → keeper | the relay has opened it, in standby, while the step runs |
| `became STATE STATUS MS` | keeper → session | the step of an open session has come to this state |
| `release` | keeper → session | let go of the answers' pipe: the interpreter goes on dying |
| `verdict STATUS` | session → keeper | end the hold; STATUS `-`: the step's own |
| `over` | session → keeper | end this session, the step runs on; another session process takes its place |
| `abort` | session → keeper | the relay ends it all: also a step that runs |
| `goodbye REASON` | keeper → session | the session ends: by what, or `-` after `verdict` and `over` |
| `left` | session → keeper | within 2 s, 10 s after `-`: all have been told, it stands guard until the keeper ends it |

| STATE | STATUS | |
| --- | --- | --- |
| `running` | `-` | the step runs |
| `reported` | 1…255 | it failed, its interpreter waits, and its report is on the pipe (`keeper/hooks/PROTOCOL.md`) |
| `failed` | as below | it has ended, and failed |
| `passed` | 0 | it has ended, and passed |
| `unknown` | `-` | it is not ours: another's trap called us when it had failed (drop-in mode) |

STATUS is an exit code 0…255, or `-N` for a death by signal N, as in `subprocess`.
`step` comes from the keeper where a session process was forked anew for a step that runs or has ended. One that is
still in the keeper's own memory (in C) reads it there, and gets no message.
Both have an end of the answers' pipe: the interpreter goes on dying when both have let go of it. The keeper does so
before `goodbye`; the session process when it is told to `release`, or at the latest at its own end.
An end of file on the session process' side means that the keeper was killed.
An end of file on the keeper's side means that the session process is gone; `waitpid` says how.
"""

import os

from agent import kernel

LIMIT = 512
"""Bytes in a message: more than any of ours has, few enough for a buffer on a C stack."""


class Link:
    """One end of the socket pair. Blocking: both sides `poll` before they receive."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor, for `poll`; -1 when this end is closed."""
        return self._descriptor

    def send(self, *words: str) -> bool:
        """Send one message; False if the other end is gone. The interpreter has SIGPIPE ignored."""
        try:
            os.write(self._descriptor, " ".join(words).encode("ascii"))
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def receive(self) -> tuple[str, ...] | None:
        """Receive one message as its words; None if the other end is gone."""
        try:
            packet = os.read(self._descriptor, LIMIT)
        except ConnectionResetError:
            return None
        return tuple(packet.decode("ascii", "replace").split(" ")) if packet else None

    def close(self) -> None:
        """Close this end."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def pair() -> tuple[Link, Link]:
    """Make a link: the keeper's end and the session process' end, both close-on-exec."""
    keeper, session = kernel.packet_pair()
    return Link(keeper), Link(session)


def inherited(descriptor: int) -> Link:
    """Take an end of a link that another program has made."""
    return Link(descriptor)
