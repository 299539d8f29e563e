"""Dialling a relay that is there, is not there, or goes away, with a tunnel that does as it is told."""

import asyncio
from collections.abc import Callable

import pytest

from agent.session import dial
from agent.session.dial import Dialler, Relay, Way
from agent.session.errors import RelayError, RelayRefused

WELCOME = object()


class Script:
    """A tunnel and its attempts: each is an error, or a welcome and how long the tunnel then carries."""

    def __init__(self, *attempts: Exception | Callable[[], None]) -> None:
        self.attempts = list(attempts)
        self.is_closed = False
        self.welcomes = 0
        self.troubles: list[str] = []

    def dialler(self, monkeypatch: pytest.MonkeyPatch, seconds: float | None = 20) -> Dialler:
        async def connect_once(_dialler: Dialler, _way: Way) -> object:
            if not self.attempts:
                await asyncio.Event().wait()
            if isinstance(self.attempts[0], Exception):
                raise self.attempts.pop(0)
            return WELCOME

        monkeypatch.setattr(Dialler, "_connect_once", connect_once)
        monkeypatch.setattr(dial, "FIRST_RETRY_SECONDS", 0)
        return Dialler(
            Relay("ws://relay:80", "token", None),
            self,
            first_welcome_seconds=seconds,
            on_welcome=self.welcomed,
            on_trouble=self.troubles.append,
        )

    def welcomed(self, welcome: object) -> None:
        assert welcome is WELCOME
        self.welcomes += 1

    async def carry(self) -> None:
        self.attempts.pop(0)()
        self.is_closed = not self.attempts


def carries() -> None:
    """Carries until the connection is lost."""


def breaks() -> None:
    raise KeyError("a surprise")


async def test_it_gives_up_with_the_last_trouble(monkeypatch):
    script = Script(RelayError("relay:80 refuses connections"), RelayError("relay:80 is not ready"))
    with pytest.raises(RelayError, match=r"^gave up on relay:80 after 0\.05 s: relay:80 is not ready$"):
        await script.dialler(monkeypatch, 0.05).run()
    assert script.troubles == ["relay:80 refuses connections"]


async def test_a_relay_that_says_nothing(monkeypatch):
    with pytest.raises(RelayError, match=r"^gave up on relay:80 after 0 s: it does not answer$"):
        await Script().dialler(monkeypatch, 0).run()


async def test_somebody_waits_for_it_before_it_has_begun(monkeypatch):
    """As when a session in standby is opened in its first milliseconds."""
    dialler = Script().dialler(monkeypatch, seconds=None)
    dialler.hurry(0.01)
    with pytest.raises(RelayError, match=r"after 0\.01 s"):
        await dialler.run()


async def test_a_refusal_is_final_before_the_first_welcome_only(monkeypatch):
    with pytest.raises(RelayRefused, match="no"):
        await Script(RelayRefused("no")).dialler(monkeypatch).run()
    script = Script(carries, RelayRefused("no"), carries)
    await script.dialler(monkeypatch).run()
    assert script.welcomes == 2


async def test_a_relay_that_comes_back_has_its_line(monkeypatch):
    script = Script(carries, RelayError("refuses"), carries)
    await script.dialler(monkeypatch).run()
    assert script.troubles == [
        "the connection to relay:80 was lost; dialling again",
        "the connection to relay:80 is back",
    ]


async def test_a_surprise_does_not_end_the_dialling(monkeypatch):
    script = Script(breaks, carries)
    await script.dialler(monkeypatch).run()
    assert script.welcomes == 2
    assert "KeyError" in script.troubles[0]


async def test_after_the_welcome_there_is_no_deadline(monkeypatch):
    script = Script(carries, RelayError("away"), RelayError("away"), carries)
    dialler = script.dialler(monkeypatch, 0.02)
    monkeypatch.setattr(dial, "FIRST_RETRY_SECONDS", 0.03)
    await dialler.run()
    assert script.welcomes == 2


@pytest.mark.parametrize("url", ["ws://a..b", "ws://127.0.0.1:99999", "ws://[::1", "ws://h#x", "ws://h:x"])
async def test_a_url_that_cannot_be_is_one_line(url):
    dialler = Dialler(
        Relay(url, "token", None),
        Script(),
        first_welcome_seconds=20,
        on_welcome=lambda _: None,
        on_trouble=lambda _: None,
    )
    with pytest.raises(RelayRefused, match="cannot be dialled"):
        await dialler.run()


def test_place_without_password():
    assert Relay("wss://user:secret@relay:1/x", "t", None).place == "relay:1"
