import pytest

from relay.doorman import Doorman, Limits


@pytest.mark.parametrize(
    ("limits", "arrivals", "admitted"),
    [
        (Limits(9, 9, 9), "aaab", [True, True, True, True]),
        (Limits(2, 9, 9), "abc", [True, True, False]),
        (Limits(9, 2, 9), "abc", [True, True, False]),
        (Limits(9, 9, 2), "aaab", [True, True, False, True]),
    ],
)
def test_each_limit(limits: Limits, arrivals: str, admitted: list[bool]) -> None:
    doorman = Doorman(limits)
    assert [doorman.enter(address) for address in arrivals] == admitted


def test_who_is_recognised_makes_room_for_strangers_and_who_leaves_for_all() -> None:
    doorman = Doorman(Limits(connections=2, strangers=1, strangers_per_address=1))
    assert doorman.enter("a")
    assert not doorman.enter("b")
    doorman.recognise("a")
    assert doorman.enter("b")
    doorman.leave("b", recognised=False)
    assert doorman.enter("a")
    assert not doorman.enter("c")
    doorman.leave("a", recognised=True)
    doorman.leave("a", recognised=False)
    assert repr(doorman) == "<Doorman 0 in, 0 of them strangers>"
