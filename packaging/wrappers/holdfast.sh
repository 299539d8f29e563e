#!/bin/sh
# Run a step under the Holdfast agent; without one, plainly. For every CI: copy it to ci/holdfast.sh.
#
#   holdfast.sh [OPTION...] -- COMMAND [ARG...]      options of `agent run`, see there
#
# HOLDFAST_AGENT says where the agent is, else TMATE_PATH, else it is /addon/agent.
set -u

# Whether there is an agent that starts is decided before the step, so that nothing can ever run it twice.
_holdfast=${HOLDFAST_AGENT:-${TMATE_PATH:-/addon/agent}}
if "$_holdfast" --version </dev/null >/dev/null 2>&1; then
    exec "$_holdfast" run "$@"
fi
echo "holdfast: $_holdfast does not start: the step runs without it" >&2
case ${1-} in
-*)
    while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
    [ $# -eq 0 ] || shift
    ;;
esac
if [ $# -eq 0 ]; then
    echo "holdfast: nothing to run: holdfast.sh [OPTION...] -- COMMAND [ARG...]" >&2
    exit 2
fi
exec "$@"
