"""Images of three Debian releases and of none: a failing step is held, entered and resumed with its own code."""

import pytest

IMAGES = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13"}


def assert_held_and_resumed(one, ssh, code):
    # Whether ssh still hears the command's exit status is a race that a busy machine loses.
    assert ssh.run(one.way(), "echo in; agent resume").stdout == b"in\n"
    assert one.wait() == code


@pytest.mark.parametrize("image", IMAGES)
def test_python(container, ssh, image):
    """The step's Python is the image's, whatever the agent's is."""
    script = "import sys; print('this is', *sys.version_info[:2], sep='.'); sys.exit(5)"
    one = container(image, "--", "python3", "-c", script)
    one.wait_for(rf"^this is\.{IMAGES[image]}$")
    assert_held_and_resumed(one, ssh, 5)


@pytest.mark.parametrize(
    ("image", "shell"),
    [("bullseye", "bash"), ("bookworm", "dash"), ("trixie", "bash"), ("busybox", "sh")],
)
def test_shell(container, ssh, image, shell):
    one = container(image, "--", shell, "-c", "echo this is $0; cd /; false; exit 6")
    one.wait_for(f"^this is {shell}$")
    assert_held_and_resumed(one, ssh, 6)


@pytest.mark.parametrize(
    ("image", "shell"), [("bullseye", "sh"), ("bookworm", "bash"), ("trixie", "sh"), ("busybox", "sh")]
)
def test_the_agent_starts_the_shell(container, ssh, image, shell):
    one = container(image, "--shell", shell, "-c", "set -e; (exit 7); echo never")
    assert_held_and_resumed(one, ssh, 7)
    assert "never" not in one.log


@pytest.mark.parametrize("image", ["bullseye", "busybox"])
def test_the_environment_is_the_containers_own(container, image):
    plain, wrapped = (
        container(image, *words, options=["--hostname", "same"]) for words in (["env"], ["--", "env"])
    )
    assert (plain.wait(), wrapped.wait()) == (0, 0)
    assert plain.log == wrapped.log
