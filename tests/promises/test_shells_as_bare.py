"""bash, dash, busybox ash, and bash called as sh: what a script prints and how it ends is as without the agent.

Every row is run bare and wrapped. Where the two differ, `DIFFERENCES` says how, and why; the README lists them.
Most of this file is its tables.
"""

import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.source

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# No session opens, so a row costs what its step costs: the step always fails within the last hour of its hour. Its
# hook has reported by then, and is released.
DRIVER = f"""
import sys; sys.path.insert(0, {REPOSITORY!r})
import agent.keeper.keeper as keeper; keeper.STEP_TIMEOUT_MARGIN = 3600
from agent.cli import main; sys.exit(main())
"""
OURS = re.compile(rb"holdfast: no session: [^\n]*\n\Z")
LATE_AGENT = os.environ.get("HOLDFAST_TEST_LATE_AGENT")
"""Another agent to test so: the keeper in C, built with that margin."""
AGENT = [LATE_AGENT] if LATE_AGENT else [sys.executable, "-I", "-S", "-c", DRIVER]
AGENT += ["run", "--step-timeout", "1h"]
BATCH = 8
PATIENCE = 60

SHELLS = {"bash": "bash", "dash": "sh", "busybox": "sh", "bash as sh": "sh"}
"""What `--shell` says for each."""
PROGRAMS = {"bash": "bash", "dash": "dash", "busybox": "busybox", "bash as sh": "bash"}
SH = ("dash", "busybox", "bash as sh")
BASHES = ("bash", "bash as sh")

ARGUMENTS = ("a b", "", "c")
INPUT = b"one\ntwo\nthree\n"

SCRIPTS = [
    # How it ends.
    "",
    "\n",
    "# nothing",
    "echo out; echo err >&2\nexit 3",
    *(f"exit {code}" for code in ("0", "1", "127", "255", "256", "300", "-1", "abc", "1 2")),
    "true\nfalse",
    "set -e\necho a\nfalse\necho b",
    "set -e\nfalse || echo or\n! true\nif false; then :; fi\nfalse && :\necho b; exit 4",
    "set -e\nf() {\n  false\n  echo no\n}\nf\necho b",
    "set -e\nf() { return 3; }\nf || echo $?\nf\necho no",
    "set -e\nx=$(false)\necho no",
    "set -e; cd /nowhere; echo no",
    "set -u\necho a\necho $nope\necho b",
    "echo a\nif then\necho b",
    "echo a\nif true; then echo b\n",
    "echo a\necho 'b\n",
    "echo a\nno-such-command x\necho b",
    "no-such-command",
    "/tmp",
    "f() { exit 5; }\nf\necho b",
    "f() { return 6; }\nf",
    "echo a\nreturn 3\necho b",
    "echo ${x:?gone}\necho b",
    "readonly r=1\nr=2\necho b",
    "echo $((1/0))\necho b",
    "exec no-such-command\necho b",
    "exec /tmp\necho b",
    "exec sh -c 'echo $0 $1; exit 9' a b",
    "exec bash -c 'echo $0 $1 $-; exit 9' a b",
    *(
        f"kill -{name} $$; echo after"
        for name in ("TERM", "INT", "HUP", "KILL", "SEGV", "PIPE", "QUIT", "USR1")
    ),
    "false; kill -TERM $$",
    "kill -TERM 0; echo after",
    "trap 'echo got; exit 5' TERM; kill -TERM 0; echo after",
    "(exit 3)\necho $?\n(echo a; exit 4)",
    "x=$(echo a; exit 3)\necho $? $x\ny=$(false)",
    "false | true\necho $?\ntrue | false",
    "sh -c 'kill -9 $$' >/dev/null 2>&1\nexit $?",
    "echo 'echo in; no-such; return 3' > f\n. ./f\necho $?\n. ./nofile\necho b",
    "echo 'if then' > f\n. ./f\necho $?",
    "eval 'echo a; false'\necho $?\neval 'if then'\necho b\nexit 3",
    "echo a >/nowhere/x\necho $?\n: >/nowhere/y\necho b\nexec 3</nowhere/z\necho c",
    "break\nfor i in 1 2; do break 5; done\nexit 3",
    "set -n\nfalse",
    # What it knows of itself.
    'echo "$0|$#|$1|$2|$*|$?|$LINENO"\nprintf \'<%s>\' "$@"\nexit 1',
    "echo $LINENO\nf() {\n echo $LINENO\n}\nf\necho $LINENO; exit 2",
    "#!/bin/nothing\necho $LINENO; exit 3",
    "while getopts ab o -a -b; do echo $o; done\necho $OPTIND\nexit 3",
    # What it shows.
    "set -x\necho a\nfalse\nf() { false; }\nf\nexit 3",
    "set -eux\necho a\nfalse\necho b",
    "set -x\n(exit 2)\nx=$(false)\nexit 4",
    "PS4='>$LINENO> '\nset -x\necho a\nfalse\nexit 3",
    # Its traps.
    "trap 'echo bye $?; exit 9' EXIT\nfalse\nexit 3",
    "trap 'echo bye $?' EXIT\nset -e\nfalse\nexit 3",
    "trap 'echo zero' 0\nexit 3",
    "trap - EXIT\nfalse",
    "f() { trap 'echo f-exit' EXIT; }\nf\nexit 3",
    "trap 'echo int; exit 4' INT\nkill -INT $$\necho after",
    "trap 'echo term' TERM\nkill -TERM $$\necho after\nexit 2",
    "trap '' TERM INT\nkill -TERM $$\nkill -INT $$\necho after; exit 3",
    "(trap 'echo sub' EXIT; exit 3)\necho $?\nexit 2",
    "x=$(trap 'echo t' EXIT; exit 3); echo $x $?; exit 2",
    # Its jobs.
    "(exit 5) &\nwait $!\necho $?\nwait; exit 3",
    "(exit 5) &\nwait $!",
    "sleep 60 >/dev/null 2>&1 &\njobs\nkill $!\nwait $! 2>/dev/null\necho $?\nexit 2",
    "set -m\nsleep 0.01 &\nwait\nfalse",
    "trap 'echo usr; exit 6' USR1\nkill -USR1 $$ &\nwait\nwait\necho no",
    # Its input and descriptors.
    "read x\necho $x\nsh -c 'read y; echo $y'\ncat\nexit 3",
    "exec 9>file 8<&0 3>&2\necho a >&9\necho b >&3\nexec 9>&- 8<&- 3>&-\ncat file\nexit 3",
    'for i in 3 4 5 6 7 8 9; do eval "exec $i>&-"; done\nexit 3',
    "exec 1>&- 2>&-\nexit 3",
    "exec 0<&- 1>&- 2>&-\nfalse",
    "exec >&-\necho a\nexit 3",
    "ulimit -n 16\necho a\nfalse",
    "ulimit -f 0\nexit 4",
    # Its settings, which are ours too.
    "TMOUT=1\nexit 3",
    "readonly TMOUT=1\nexit 3",
    "IFS=abc01\nexit 3",
    "IFS=\nexit 13",
    "set -C\necho a >f\necho b >f\necho $?\nexit 3",
    "set -f\nexit 3",
    "set -a\nx=1\nfalse\nenv | sort | grep -v '^_='\nexit 3",
    "read() { echo R; }\nprintf() { echo P; }\ntest() { echo T; }\nfalse\nexit 3",
    "command() { echo C; }\nexit 3",
    "set() { echo S; }\ntrap() { echo T; }\nunset() { echo U; }\neval() { :; }\nfalse\nexit 4",
    "shopt -s expand_aliases 2>/dev/null\nalias read='echo R' printf='echo P' command='echo C' set='echo S'\nexit 3",
    "shopt -s expand_aliases 2>/dev/null\nalias test='echo T' trap='echo U' eval='echo E' unset='echo V'\nexit 3",
    "umask 027; umask\nexit 3",
    "mkdir d; cd d; rmdir ../d; exit 3",
    "PATH=/nowhere\necho a\nexit 3",
    "unset PATH\nexit 3",
    "LC_ALL=C.UTF-8\nexport LC_ALL\nx='ü'; echo ${#x}; exit 3",
    # Its children.
    "env -0 | sort -z | tr '\\0' '\\n'\nexit 3",
    "export -p\nexit 3",
    "bash -c 'echo ${BASH_ENV-none}; trap; exit 3'\necho $?\nsh -c 'trap; exit 4'\necho $?\nexit 5",
    "echo 'trap; set -u; echo $nope' >f\nbash f\necho $?\nsh f\necho $?\nexit 5",
    "bash -xc 'echo a; false'\nsh -xc 'echo a; false'\nexit 5",
    # Its text.
    "echo '\udcff\udcfe'\nexit 3",
    "echo a\r\nfalse\r\nexit 3",
    "cat <<E\na $1\nE\nexit 3",
    "echo a # x\n# y\nfalse # z",
    "x=0\n" + "x=$((x+1))\n" * 1000 + "echo $x\nexit 3",
]

OF_BASH = [
    "set -o pipefail\nfalse | cat\necho $?\nset -e\nfalse | cat\necho b",
    "set -euxo pipefail\necho a\ntrue x; true ${y-z}\nfalse",
    "echo a b >/dev/null; echo $_\nfalse x; echo $_\n(exit 4); echo $_\ntrue y; : $_; exit 1",
    "false | true | (exit 3)\necho ${PIPESTATUS[@]} $?\n(exit 4) | false\necho $? ${PIPESTATUS[@]}\nexit 1",
    "set -o pipefail\n(exit 2) | true\nset -- ${PIPESTATUS[@]} $?\necho $@\nexit 1",
    "trap 'echo err $? $LINENO $BASH_COMMAND' ERR\nfalse\nf() { false; }\nf\nset -E\nf\n(false)\nexit 3",
    "set -E\nf() { false; }\nf\n(false; echo x)\nx=$(false; echo y)\necho $x $-\nexit 3",
    "set -Ee\nf() { false; }\nx=$(f; echo y)\necho $x\nf\necho no",
    "trap 'echo debug $LINENO $BASH_COMMAND' DEBUG\ntrue\nf() { true; }\nf\n",
    "trap 'echo ret $?' RETURN\nf() { false; }\nf\nset -T\nf\n. /dev/null\nexit 3",
    "(sleep 0.3; exit 3) &\nwait -n\necho $?\nexit 2",
    'for i in {3..1000}; do eval "exec $i>&-"; done\nfalse\nexit 3',
    'for i in {3..1000}; do eval "exec $i>&-"; done\nexit 0',
    "exec 997>f1 998>f2 999>f3 1000>f4\nfalse\ncat f*\nexit 3",
    "set -o posix\nfalse\nexit 3",
    "set -o posix\nreadonly r=1\nr=2\necho no",
    "set -k\necho a x=1\nfalse",
    "set -p\nfalse",
    "shopt -s lastpipe\necho a | read x\necho $x\nexit 3",
    "readonly __holdfast=1 __holdfast_at=2 __holdfast_line=3\nfalse\nexit 3",
    "a=(1 2 3); unset 'a[1]'; echo ${a[@]}; declare -A m=([x]=1); echo ${m[x]}; exit 3",
    "f() { echo ${FUNCNAME[0]} ${BASH_LINENO[0]} $BASH_COMMAND; g; }\ng() { caller 0 | cut -d' ' -f1,2; }\nf\nexit 3",
]

OF_BASH_ALONE = [
    'echo "${BASH_SOURCE[*]}|$BASH_EXECUTION_STRING|${FUNCNAME[*]}|${BASH_LINENO[*]}|$BASH_SUBSHELL|$_"\nexit 3',
    'echo "$BASH_COMMAND|$SHLVL|$BASHOPTS|$SHELLOPTS|$-"\nf() { echo "${BASH_SOURCE[*]}"; caller 0; }\nf\nexit 3',
    "if then\necho b",
    'function command { echo C; builtin command "$@"; }\nfunction [ { echo B; }\nfunction : { echo N; }\nfalse',
    'function exit { echo E; builtin exit "$@"; }\nexit 3',
    "coproc cat; echo a >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x; exit 3",
    "exec {fd}>f; echo $fd; cat <(echo a); exit 3",
    "set -o history; echo a; history; exit 3",
    "set -e; shopt -s inherit_errexit; x=$(false; echo a); echo no",
    "shopt -s extdebug\nf() { echo ${BASH_ARGC[@]}/${BASH_ARGV[@]}; false; }\nf x\nexit 3",
    "readonly LINENO FUNCNAME BASH_LINENO 2>/dev/null\nexit 3",
]

PROBE = """\
echo "$0|$*|${-#c}|${BASH_ENV-none}|${SHELLOPTS-}|${BASHOPTS-}|${x-}"
f() { false; }
f
bash -c 'echo "nested ${BASH_ENV-none} $-"; false'; echo $?
env -0 >e; sort -z e >s; tr '\\0' '\\n' <s
exit 7
"""

COMMAND_LINES = [
    *(
        "-c TEXT",
        "-c TEXT zero a b",
        "-ec TEXT",
        "-e -c TEXT",
        "-ceu TEXT",
        "-lc TEXT",
        "-ic TEXT",
        "-xc TEXT",
    ),
    *("--norc -c TEXT", "-c -- TEXT", "--posix -c TEXT", "--login -c TEXT", "-c", "-c -e TEXT", "-rc TEXT"),
    *(
        "FILE",
        "FILE a b",
        "-- FILE",
        "./step.sh a",
        "-eo pipefail FILE",
        "-euo pipefail FILE",
        "-euxo pipefail FILE",
    ),
    *(
        "--noprofile --norc -eo pipefail FILE",
        "--noprofile --norc -e -o pipefail FILE a",
        "-x FILE",
        "-v FILE",
    ),
    *(
        "-l FILE",
        "-p FILE",
        "-i FILE",
        "--posix FILE",
        "-o posix FILE",
        "-r FILE",
        "+e FILE",
        "-O extglob FILE",
    ),
    *(
        "+O extglob FILE",
        "--rcfile FILE -i FILE",
        "-o errexit FILE",
        "-n FILE",
        "-T FILE",
        "-E FILE",
        "-C FILE",
    ),
    *(
        "-u FILE",
        "-f FILE",
        "-m FILE",
        "-B FILE",
        "+B FILE",
        "-P FILE",
        "-h FILE",
        "+x FILE",
        "-k FILE",
        "-D FILE",
    ),
    *("-t FILE", "-b FILE", "-H FILE", "--restricted FILE", "--debugger FILE", "--verbose FILE", "-o"),
    *(
        "-O",
        "--version",
        "--nonsense FILE",
        "-Z FILE",
        "-o nonsense FILE",
        "no-such-file",
        ".",
        "-s",
        "-s a b",
    ),
    *("-es -- a", "-", "- a", "--", ""),
]
"""After `agent run -- bash`: TEXT and FILE are the probe."""

ENVIRONMENTS = [
    {"BASH_ENV": "own"},
    {"BASH_ENV": "$HOME/own"},
    {"BASH_ENV": "./o'wn"},
    {"BASH_ENV": "${HOME}/own"},
    {"BASH_ENV": '"own'},
    {"BASH_ENV": ""},
    {"BASH_ENV": "no-such-file"},
    {"ENV": "own"},
    {"SHELLOPTS": "errexit:nounset"},
    {"SHELLOPTS": "xtrace"},
    {"SHELLOPTS": "verbose"},
    {"SHELLOPTS": "posix"},
    {"SHELLOPTS": "privileged"},
    {"SHELLOPTS": "noexec"},
    {"BASHOPTS": "extdebug:expand_aliases"},
    {"POSIXLY_CORRECT": "1"},
    {"POSIX_PEDANTIC": "1"},
    {"BASH_FUNC_set%%": "() { echo S; }", "BASH_FUNC_trap%%": "() { echo T; }"},
    {"BASH_FUNC_own%%": "() { echo O; }"},
    {"IFS": "abc", "PS4": "# ", "TMOUT": "1", "OPTIND": "4"},
    {"BASH_XTRACEFD": "2"},
    {"HOME": ""},
    {"LC_ALL": "C.UTF-8", "LANG": "de_DE"},
    {"_": "/usr/bin/x", "SHLVL": "5", "OLDPWD": "/", "PWD": "/nowhere"},
    {f"LARGE_{number}": "x" * 100_000 for number in range(10)},
]
OWN = "x=own; echo sourced $0 $#; f() { echo overridden; }; trap 'echo own exit' EXIT\n"
"""What BASH_ENV may name."""

KILLED = "./step.sh: line 1: PID Killed                  sh -c 'kill -9 $$'\n"
LAST = "sh -c 'kill -9 $$'"
SYNTAX = "zero: -c: line 1: syntax error near unexpected token `then'\nzero: -c: line 1: `{}if then'\n"
LISTED = "trap >list\ngrep -c EXIT list\nexit 0"
VARIABLES = "set >list\ngrep -c ^__holdfast list\nexit 0"
DESCRIPTORS = "for i in /proc/$$/fd/*; do case ${i##*/} in ????|99?) echo high;; esac; done\nexit 0"
VERBOSE = "exec 2>log\nset -v\nfalse\nset +v\ngrep -q holdfast log\necho $?\nexit 0"

DIFFERENCES = [
    # Why, which shell, by which form, the script, and exit code, output and error output: bare and wrapped.
    (
        "a shell with a trap stays to the end, and tells how its last command died, instead of becoming that command",
        *("bash", "text", LAST, (-9, "", ""), (137, "", KILLED.replace("./step.sh", "zero"))),
    ),
    ("the same", "busybox", "text", LAST, (-9, "", ""), (137, "", "Killed\n")),
    ("the same", "bash as sh", "text", LAST, (-9, "", ""), (137, "", "")),
    ("`trap` lists our traps", "bash", "file", LISTED, (0, "0\n", ""), (0, "1\n", "")),
    ("the same", "dash", "text", LISTED, (0, "0\n", ""), (0, "1\n", "")),
    ("the same", "busybox", "text", LISTED, (0, "0\n", ""), (0, "1\n", "")),
    ("`set` lists our variable", "bash", "file", VARIABLES, (0, "0\n", ""), (0, "1\n", "")),
    ("the same", "dash", "text", VARIABLES, (0, "0\n", ""), (0, "1\n", "")),
    ("the same", "busybox", "text", VARIABLES, (0, "0\n", ""), (0, "1\n", "")),
    ("the hook's pipes are open", "bash", "file", DESCRIPTORS, (0, "", ""), (0, "high\n" * 2, "")),
    ("the same, and its text", "dash", "file", DESCRIPTORS, (0, "", ""), (0, "high\n" * 3, "")),
    (
        "a trap of the step's own on DEBUG sees what we do on ERR",
        *("bash", "file", "trap 'echo $BASH_COMMAND' DEBUG\nfalse\nexit 3"),
        *((3, "false\nexit 3\n", ""), (3, "false\nfalse\nfalse\nexit 3\n", "")),
    ),
    (
        "BASH_XTRACEFD shows it, too",
        *("bash", "file", "exec 5>f; BASH_XTRACEFD=5; set -x\nfalse\nset +x\ngrep -c holdfast f\nexit 0"),
        *((0, "0\n", ""), (0, "1\n", "")),
    ),
    ("`set -v` shows our traps", "bash", "file", VERBOSE, (0, "1\n", ""), (0, "0\n", "")),
    ("dash's `set -v` does not show a file", "dash", "file", "set -v\n:\n", (0, "", ":\n"), (0, "", "")),
    ("busybox has `c` in $-", "busybox", "file", "echo $-", (0, "\n", ""), (0, "c\n", "")),
    (
        "busybox names a file twice in its messages that is called without a slash",
        *("busybox", "name", "no-such-command"),
        *((127, "", "step.sh: line 1: no-such-command: not found\n"),),
        *((127, "", "step.sh: ./step.sh: line 1: no-such-command: not found\n"),),
    ),
    (
        "bash called as sh shows the hook's call in a syntax error on the first line of a text",
        *("bash as sh", "text", "if then"),
        *((2, "", SYNTAX.format("")), (2, "", SYNTAX.format(". /proc/self/fd/NNN $LINENO;"))),
    ),
    (
        "and in BASH_EXECUTION_STRING",
        *("bash as sh", "text", "echo ${BASH_EXECUTION_STRING%%;*}; exit 3"),
        *((3, "echo ${BASH_EXECUTION_STRING%%\n", ""), (3, ". /proc/self/fd/NNN $LINENO\n", "")),
    ),
    ("its $_ begins otherwise", "bash as sh", "text", "echo $_", (0, "sh\n", ""), (0, "1\n", "")),
    (
        "busybox cannot redirect with less than 11 descriptors, and ends in our trap",
        *("busybox", "text", "ulimit -n 5\nexit 4", (4, "", ""), (1, "", "")),
    ),
    (
        "our variables cannot be read-only in dash and busybox",
        *("dash", "text", "readonly __holdfast=1\nexit 3", (3, "", ""), (2, "", "")),
    ),
    ("the same", "busybox", "text", "readonly __holdfast=1\nexit 3", (3, "", ""), (2, "", "")),
]


@pytest.fixture
def shells(tmp_path):
    """A folder for each shell, with nothing but that in it."""
    for name, program in PROGRAMS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / SHELLS[name]).symlink_to(f"/usr/bin/{program}")
    return tmp_path


class Row:
    """A command line, run in a folder of its own: with the agent in front of it, and without."""

    count = 0

    def __init__(
        self, shells, shell, bare, wrapped, *, script="", env=None, stdin=INPUT, path=":/usr/bin:/bin"
    ):
        self.what = (shell, bare)
        self._stdin = stdin
        self._runs = []
        Row.count += 1
        for agent, words in (([], bare), (AGENT, wrapped)):
            # Both of one length: some shells tell lengths.
            folder = str(shells / f"{Row.count}{'w' if agent else 'b'}")
            os.mkdir(folder)
            with open(f"{folder}/step.sh", "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(script)
            for name in ("own", "o'wn"):
                with open(f"{folder}/{name}", "w") as file:
                    file.write(OWN)
            environment = {"PATH": f"{shells / shell}{path}", "HOME": folder, "LC_ALL": "C", **(env or {})}
            environment["HOLDFAST_TEST_RUN"] = os.environ["HOLDFAST_TEST_RUN"]
            self._runs.append((folder, [*agent, *words], environment))

    def start(self):
        self._processes = [
            subprocess.Popen(
                words,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                executable=_found(words[0], environment["PATH"]),
            )
            for folder, words, environment in self._runs
        ]

    def results(self):
        """Exit code, output and error output: bare and wrapped."""
        return [self._result(*each) for each in zip(self._processes, self._runs, strict=True)]

    def _result(self, process, run):
        try:
            out, err = process.communicate(self._stdin, PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return ("hangs", str(out[-300:]), str(err[-300:]))
        texts = [_plain(OURS.sub(b"", data), run[0]) for data in (out, err)]
        return (process.returncode, *texts)


def _found(name, path):
    """Popen looks for a program in our own PATH."""
    places = [f"{folder}/{name}" for folder in path.split(":")] if "/" not in name else [name]
    return next((place for place in places if os.access(place, os.X_OK)), name)


def _plain(data, folder):
    """Return what was printed, without what differs from run to run."""
    text = data.decode("utf-8", "surrogateescape").replace(folder, "FOLDER")
    text = re.sub(r"/proc/self/fd/\d+", "/proc/self/fd/NNN", text)
    text = re.sub(r"(line \d+:) +\d+ (?=Killed)", r"\1 PID ", text)
    return re.sub(r"process group \(\d+\)", "process group (PID)", text)


def rows_by(shells, shell, form, scripts, **options):
    """One row for each script: as text, or as a file with or without a slash, or on standard input."""
    program = SHELLS[shell]
    for script in scripts:
        stdin = script.encode("utf-8", "surrogateescape") + b"\n" if form.startswith("stdin") else INPUT
        tail = {
            "text": ["-c", script, "zero", *ARGUMENTS],
            "errexit": ["-c", script],
            "file": ["./step.sh", *ARGUMENTS],
            "name": ["step.sh", *ARGUMENTS],
            "stdin": [],
            "stdin with arguments": ["-s", "--", *ARGUMENTS],
        }[form]
        words = ["-", *(ARGUMENTS if tail else ())] if form.startswith("stdin") else tail
        flags, switch = (["-e"], ["--errexit"]) if form == "errexit" else ([], [])
        wrapped = [*switch, "--shell", program, *words]
        yield Row(shells, shell, [program, *flags, *tail], wrapped, script=script, stdin=stdin, **options)


def run(rows):
    """Run them, some at a time; yield each with its two results."""
    rows = list(rows)
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        for row in batch:
            row.start()
        for row in batch:
            yield (row.what, *row.results())


def differences(rows):
    """Return what differs, readable in a failed assertion."""
    return "\n".join(
        f"{what}:\n  bare    {bare}\n  wrapped {wrapped}"
        for what, bare, wrapped in run(rows)
        if bare != wrapped
    )


def scripts_of(shell, form):
    if form == "text" or shell in ("dash", "busybox"):  # else nothing of a file's own is ours
        yield from SCRIPTS
    if shell in BASHES:
        yield from OF_BASH
    if shell == "bash":
        yield from OF_BASH_ALONE


@pytest.mark.parametrize("form", ["text", "file"])
@pytest.mark.parametrize("shell", SHELLS)
def test_scripts(shells, shell, form):
    assert differences(rows_by(shells, shell, form, scripts_of(shell, form))) == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_other_forms(shells, shell):
    """A file that is named without a slash, a script on standard input, the runners' preamble."""
    scripts = [PROBE, "echo $1\nread x\necho $x\nexit 3", "false\necho $LINENO", "exit 300"]
    for form in ("name", "stdin", "stdin with arguments", "errexit"):
        assert differences(rows_by(shells, shell, form, scripts)) == ""


def test_command_lines_of_bash(shells):
    """`agent run -- bash …` in every form that a runner may choose, and in some that none would."""

    def rows():
        for line in COMMAND_LINES:
            words = ["bash", *({"TEXT": PROBE, "FILE": "step.sh"}.get(word, word) for word in line.split())]
            stdin = PROBE.encode() if line[:2] in ("-s", "-e", "- ", "-", "--", "") else INPUT
            yield Row(shells, "bash", words, ["--", *words], script=PROBE, stdin=stdin)

    assert differences(rows()) == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_environments(shells, shell):
    """What shells read from their environment; and a megabyte of it arrives in a child."""

    def rows():
        for environment in ENVIRONMENTS:
            if shell in BASHES or not any(name.startswith("BASH") for name in environment):
                yield from rows_by(shells, shell, "text", [PROBE], env=environment)

    assert differences(rows()) == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_but_the_shell(shells, shell):
    """PATH leads to the shell alone: our hooks call no program."""
    scripts = ["echo a\nls\nexit 3", "set -e\nfalse", "echo $1"]
    for form in ("text", "file"):
        assert differences(rows_by(shells, shell, form, scripts, path="")) == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_text_that_just_fits(shells, shell):
    """128 KiB with its NUL: with a prefix in front of it it would not."""
    texts = [f"echo $LINENO; exit 3 #{'x' * (128 * 1024 - 23 - less)}" for less in (0, 1, 40)]
    assert max(len(text) for text in texts) == 128 * 1024 - 1
    for form in ("text", "file"):
        assert differences(rows_by(shells, shell, form, texts)) == ""


def test_commands_that_are_no_bash(shells):
    """Are started as they are."""
    commands = [
        ["/bin/sh", "step.sh"],
        ["/bin/sh", "-c", PROBE],
        ["sh", "-ec", PROBE],
        ["env", "bash", "step.sh"],
    ]
    assert differences(Row(shells, "dash", each, ["--", *each], script=PROBE) for each in commands) == ""


def test_differences(shells):
    """They are as they are listed: no more, and no less."""
    rows = [
        row for _, shell, form, script, *_ in DIFFERENCES for row in rows_by(shells, shell, form, [script])
    ]
    found = [tuple(results) for _, *results in run(rows)]
    assert found == [tuple(results) for *_, bare, wrapped in DIFFERENCES for results in [(bare, wrapped)]]


@pytest.mark.parametrize("words", [["bash"], ["bash", "-s"], ["bash", "--norc"]])
def test_an_interactive_bash(launch, words):
    """It reads no BASH_ENV: then its children must not find one."""
    run = launch("--", *words, tty=True, env={"PS1": "ready> ", "HOME": "/"})
    run.type(b"echo ${BASH_ENV-none}; exit 0\n")
    assert "\nnone" in run.rest()
    assert run.wait() == 0
