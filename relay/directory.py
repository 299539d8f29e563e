"""Which sessions there are, by id, whatever node their agent is connected to."""

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from tunnel.messages import Registration, SessionState


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as its agent registered it, and what it is now.

    account: of the agent's token. build, step, node, url: labels. state: as the agent last told it. host_key:
    the agent's SSH host key. end_to_end: no bridges. owner: SHA-256 of the owner secret. place: the relay
    node that has its tunnel.
    """

    session: str
    account: str
    build: str
    step: str
    node: str
    url: str
    state: SessionState
    host_key: str
    end_to_end: bool
    owner: bytes = field(repr=False)
    place: str

    @classmethod
    def of(cls, registration: Registration, account: str, place: str) -> Self:
        """Make the record of a registration."""
        return cls(
            session=registration.session,
            account=account,
            build=registration.build,
            step=registration.step,
            node=registration.node,
            url=registration.url,
            state=registration.state,
            host_key=registration.host_key,
            end_to_end=registration.end_to_end,
            owner=hashlib.sha256(registration.secret.encode()).digest(),
            place=place,
        )

    def is_of_same_owner(self, other: "SessionRecord") -> bool:
        """Whether both were registered with the same owner secret, in the same account; in constant time."""
        same_account = hmac.compare_digest(self.account.encode(), other.account.encode())
        return hmac.compare_digest(self.owner, other.owner) and same_account


class Directory(Protocol):
    """Where session records are kept."""

    async def claim(self, record: SessionRecord) -> bool:
        """Put a record in, at once or not at all; False if its session id belongs to another owner."""

    async def find(self, session: str) -> SessionRecord | None:
        """Return the record of a session."""

    async def list_account(self, account: str, build: str | None = None) -> list[SessionRecord]:
        """Return the sessions of an account, or those of one build in it, the oldest first."""

    async def update(self, session: str, place: str, state: SessionState) -> None:
        """Note what a session is now; nothing happens if it has left or moved to another place."""

    async def release(self, session: str, place: str) -> None:
        """Take a session out, unless it has moved to another place."""


class MemoryDirectory:
    """The directory of a single node."""

    def __init__(self) -> None:
        self._records: dict[str, SessionRecord] = {}

    def __repr__(self) -> str:
        return f"<MemoryDirectory of {len(self._records)} sessions>"

    async def claim(self, record: SessionRecord) -> bool:
        """Put a record in, at once or not at all; False if its session id belongs to another owner."""
        holder = self._records.get(record.session)
        if holder is not None and not holder.is_of_same_owner(record):
            return False
        self._records[record.session] = record
        return True

    async def find(self, session: str) -> SessionRecord | None:
        """Return the record of a session."""
        return self._records.get(session)

    async def list_account(self, account: str, build: str | None = None) -> list[SessionRecord]:
        """Return the sessions of an account, or those of one build in it, the oldest first."""
        return [
            record
            for record in self._records.values()
            if record.account == account and build in (None, record.build)
        ]

    async def update(self, session: str, place: str, state: SessionState) -> None:
        """Note what a session is now; nothing happens if it has left or moved to another place."""
        record = self._records.get(session)
        if record is not None and record.place == place:
            self._records[session] = replace(record, state=state)

    async def release(self, session: str, place: str) -> None:
        """Take a session out, unless it has moved to another place."""
        record = self._records.get(session)
        if record is not None and record.place == place:
            del self._records[session]
