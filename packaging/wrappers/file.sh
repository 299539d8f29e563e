#!/bin/sh
# For a runner that gives a shell the step's file: run it under the Holdfast agent; without one, plainly.
#
#   file.sh bash|sh|python|pwsh FILE [ARG...]        FILE may be -, standard input
#
# HOLDFAST_AGENT says where the agent is, else TMATE_PATH, else it is /addon/agent.
set -u

if [ $# -lt 2 ]; then
    echo "holdfast: file.sh bash|sh|python|pwsh FILE [ARG...]" >&2
    exit 2
fi
# Whether there is an agent that starts is decided before the step, so that nothing can ever run it twice.
_holdfast=${HOLDFAST_AGENT:-${TMATE_PATH:-/addon/agent}}
if "$_holdfast" --version </dev/null >/dev/null 2>&1; then
    exec "$_holdfast" run --shell "$@"
fi
echo "holdfast: $_holdfast does not start: the step runs without it" >&2
case $1 in
python)
    shift
    command -v python3 >/dev/null && exec python3 "$@"
    exec python "$@"
    ;;
pwsh)
    shift
    exec pwsh -File "$@"
    ;;
*) exec "$@" ;;
esac
