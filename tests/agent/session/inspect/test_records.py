"""What a hook writes, cut into records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.session.inspect import records
from agent.session.inspect.records import RecordError, Records, Report, parse_report, parse_state

FIELDS = st.lists(st.binary(min_size=1).filter(lambda data: b"\0" not in data), max_size=5)


@given(st.lists(FIELDS, max_size=5), st.integers(1, 7))
def test_records_come_out_as_they_went_in(written, size):
    """However the bytes are cut on their way."""
    stream = b"".join(b"".join(field + b"\0" for field in fields) + b"\0" for fields in written)
    parser, read = Records(), []
    for at in range(0, len(stream), size):
        read += parser.feed(stream[at : at + size])
    assert read == written


def test_a_record_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(records, "LIMIT", 1000)
    parser = Records()
    parser.feed(b"x=" + b"y" * 900)
    with pytest.raises(RecordError):
        parser.feed(b"y" * 200)


def test_many_fields_are_given_up(monkeypatch):
    monkeypatch.setattr(records, "FIELDS_LIMIT", 10)
    with pytest.raises(RecordError):
        Records().feed(b"x\0" * 11)


def test_a_long_stream_of_short_records_is_none(monkeypatch):
    monkeypatch.setattr(records, "LIMIT", 100)
    parser = Records()
    assert sum(len(parser.feed(b"left=\0\0")) for _ in range(100)) == 100


@pytest.mark.parametrize(
    ("fields", "report", "place"),
    [
        ([], Report(), ""),
        ([b"line=12", b"command=make test"], Report(12, command="make test"), "at line 12: make test"),
        ([b"command=make test"], Report(command="make test"), "make test"),
        ([b"line=12"], Report(12), "at line 12"),
        ([b"called=9", b"function=f"], Report(called=9, function="f"), "in f called at line 9"),
        ([b"function=f", b"command=false"], Report(function="f", command="false"), "in f: false"),
        (
            [b"line=3", b"function=g", b"error=E: x", b"command=f()"],
            Report(3, function="g", command="f()", error="E: x"),
            "at line 3 in g: E: x",
        ),
        ([b"line=-1", b"command=\n first \n second"], Report(command="first …"), "first …"),
        ([b"line=99999999999", b"nonsense"], Report(), ""),
        ([b"command=" + b"x" * 500], Report(command="x" * 200 + " …"), "x" * 200 + " …"),
        ([b"command=\xff"], Report(command="\udcff"), "\udcff"),
    ],
)
def test_a_report(fields, report, place):
    assert parse_report(fields) == report
    assert report.place == place


def test_a_state_keeps_every_byte():
    fields = [
        b"state=",
        b"umask=0027",
        b"cwd=/a\xffb",
        b"env:A=1\n2",
        b"env:B=\xfe",
        b"env:A=again",
        b"env:C=",
    ]
    state = parse_state(fields)
    assert (state.cwd, state.umask) == ("/a\udcffb", 0o27)
    assert state.environment == {"A": "1\n2", "B": "\udcfe", "C": ""}
    assert "1" not in repr(state)


def test_powershell_knows_no_umask():
    assert parse_state([b"state=", b"cwd=/"]).umask is None


@pytest.mark.parametrize(
    "fields", [[b"state="], [b"state=", b"cwd=here"], [b"cwd=/"], [b"state=", b"cwd=/", b"umask=x"]]
)
def test_what_is_no_state(fields):
    with pytest.raises(RecordError):
        parse_state(fields)
