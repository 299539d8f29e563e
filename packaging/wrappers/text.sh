#!/bin/sh
# For a runner that gives a shell the step's text: run it under the Holdfast agent; without one, plainly.
#
#   text.sh bash|sh|python|pwsh TEXT [ARG...]
#
# The container needs no file of ours: sh -c "$(cat text.sh)" text.sh bash TEXT [ARG...] is the same.
# HOLDFAST_AGENT says where the agent is, else TMATE_PATH, else it is /addon/agent.
set -u

if [ $# -lt 2 ]; then
    echo "holdfast: text.sh bash|sh|python|pwsh TEXT [ARG...]" >&2
    exit 2
fi
# Whether there is an agent that starts is decided before the step, so that nothing can ever run it twice.
_holdfast=${HOLDFAST_AGENT:-${TMATE_PATH:-/addon/agent}}
if "$_holdfast" --version </dev/null >/dev/null 2>&1; then
    _holdfast_shell=$1
    shift
    exec "$_holdfast" run --shell "$_holdfast_shell" -c "$@"
fi
echo "holdfast: $_holdfast does not start: the step runs without it" >&2
_holdfast_shell=$1
shift
case $_holdfast_shell in
python)
    command -v python3 >/dev/null && exec python3 -c "$@"
    exec python -c "$@"
    ;;
pwsh) exec pwsh -Command "$@" ;;
*) exec "$_holdfast_shell" -c "$@" ;;
esac
