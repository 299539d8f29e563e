import os
import stat

import pytest

from relay.errors import StartFailed
from relay.host_key import load_or_make


def test_made_once_and_for_its_owner_only(tmp_path) -> None:
    path = str(tmp_path / "key")
    first = load_or_make(path)
    assert load_or_make(path).get_fingerprint() == first.get_fingerprint()
    assert first.get_algorithm() == "ssh-ed25519"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]


def test_of_two_that_start_together_the_first_key_stays(tmp_path, monkeypatch) -> None:
    path = str(tmp_path / "key")
    first = load_or_make(path)
    monkeypatch.setattr(os.path, "exists", lambda _path: False)  # the other had not written it yet
    assert load_or_make(path).get_fingerprint() == first.get_fingerprint()


def test_a_key_that_others_can_read_is_refused(tmp_path) -> None:
    path = str(tmp_path / "key")
    load_or_make(path)
    os.chmod(path, 0o640)
    with pytest.raises(StartFailed, match="chmod 600"):
        load_or_make(path)


def test_what_is_no_key_is_refused(tmp_path) -> None:
    path = tmp_path / "key"
    path.write_text("nonsense")
    path.chmod(0o600)
    with pytest.raises(StartFailed, match="not a private key"):
        load_or_make(str(path))
    with pytest.raises(StartFailed, match="No such file"):
        load_or_make("/nowhere/key")
