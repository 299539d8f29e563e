from dataclasses import replace

from relay.directory import MemoryDirectory, SessionRecord
from tunnel.messages import Registration, SessionState

SESSION = "abcdefghjkmnpqrstuvwxyz23"
RECORD = SessionRecord.of(Registration(SESSION, "ab" * 32, build="7"), "acme", "here")


async def test_a_claim_is_found_and_released() -> None:
    directory = MemoryDirectory()
    assert await directory.find(SESSION) is None
    assert await directory.claim(RECORD)
    assert await directory.find(SESSION) == RECORD
    await directory.release(SESSION, "here")
    assert await directory.find(SESSION) is None
    await directory.release(SESSION, "here")


async def test_the_owner_may_claim_again_also_elsewhere_and_nobody_else() -> None:
    directory = MemoryDirectory()
    await directory.claim(RECORD)
    stranger = SessionRecord.of(Registration(SESSION, "cd" * 32), "acme", "here")
    other_account = replace(RECORD, account="globex")
    assert not await directory.claim(stranger)
    assert not await directory.claim(other_account)
    moved = replace(RECORD, place="there", state=SessionState.ENABLED)
    assert await directory.claim(moved)
    assert await directory.find(SESSION) == moved
    await directory.release(SESSION, "here")  # a late farewell of the place it has left
    assert await directory.find(SESSION) == moved


async def test_a_state_is_noted_where_the_session_is_and_nowhere_else() -> None:
    directory = MemoryDirectory()
    await directory.update(SESSION, "here", SessionState.PASSED)
    assert await directory.find(SESSION) is None
    await directory.claim(RECORD)
    await directory.update(SESSION, "there", SessionState.PASSED)
    assert await directory.find(SESSION) == RECORD
    await directory.update(SESSION, "here", SessionState.PASSED)
    assert await directory.find(SESSION) == replace(RECORD, state=SessionState.PASSED)


async def test_sessions_are_listed_by_account_and_build() -> None:
    directory = MemoryDirectory()
    sessions = [
        replace(RECORD, session="a" * 25),
        replace(RECORD, session="b" * 25, build="8"),
        replace(RECORD, session="c" * 25, account="globex"),
        replace(RECORD, session="d" * 25),
    ]
    for record in sessions:
        await directory.claim(record)
    assert await directory.list_account("acme") == [sessions[0], sessions[1], sessions[3]]
    assert await directory.list_account("acme", "7") == [sessions[0], sessions[3]]
    assert await directory.list_account("acme", "") == []
    assert await directory.list_account("initech") == []


def test_a_record_keeps_no_secret() -> None:
    assert "ab" * 32 not in repr(RECORD)
    assert RECORD.owner not in repr(RECORD).encode()
    assert (RECORD.build, RECORD.account, RECORD.place) == ("7", "acme", "here")
