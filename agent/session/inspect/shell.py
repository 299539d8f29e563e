"""Questions to a failed bash or sh: its state, and a prompt inside it."""

import shlex

from agent.session.inspect.place import Place

STATE_COMMAND = "_state"
"""The agent's own command that writes the `state` record: as a child it has inherited just what is asked for."""

GREETING = "This is the failed shell itself: its variables and functions are here. ^D or exit leaves it."
PROMPT = "(failed) $ "

# `read` is interrupted by ^C in dash, busybox, and a bash in posix mode; any other bash reads on after its trap, so
# the prompt is shown there. No `read -e`: bash's line editor would keep what was typed before a ^C.
_PROMPT = """
{{ trap : HUP;
trap '__holdfast_interrupted=1;
    case $__holdfast_reads in on) command printf "\\n%s" {prompt};; esac' INT;
__holdfast_return() {{ return $1; }};
__holdfast_status=$__holdfast;
command printf '%s\\n' {greeting};
while :; do
    __holdfast_interrupted=;
    case $BASH_VERSION:$SHELLOPTS: in :*|*:posix:*) __holdfast_reads=once;; *) __holdfast_reads=on;; esac;
    command printf '%s' {prompt};
    if IFS= command read -r ${{BASH_VERSION:+-t99999999}} __holdfast_line; then
        __holdfast_reads=;
        case $__holdfast_line in exit|exit\\ *|quit) break;; esac;
        __holdfast_return $__holdfast_status; command eval "$__holdfast_line"; __holdfast_status=$?;
    elif [ "$__holdfast_interrupted" ] && [ $__holdfast_reads = once ]; then
        __holdfast_status=130; command printf '\\n';
    else
        break;
    fi;
done; trap - INT; }} <{pty} >{pty} 2>&1;
command printf 'left=\\000\\000' >>/proc/self/fd/{report}
"""


def state(place: Place) -> str:
    """Return the line that has the working directory, the umask and the exported variables written."""
    return f"{shlex.quote(place.agent)} {STATE_COMMAND} {place.report} </dev/null >/dev/null 2>&1"


def prompt(place: Place, pty: str) -> str:
    """Return the line that opens a prompt on a PTY; `exit` and the end of input leave it."""
    text = _PROMPT.format(
        greeting=shlex.quote(GREETING), prompt=f'"{PROMPT}"', pty=shlex.quote(pty), report=place.report
    )
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
