# Read by sh (dash, busybox, bash as sh) in front of the step's own text, on its first line; see PROTOCOL.md.
# $1 is what busybox calls the first line. `\`: a step's aliases must not become part of this.
{ __holdfast_first=${1-}; } 2>/dev/null
# A step may have functions with the names of our builtins: those are lost in its prompt.
# dash says 256 for `exit 256`.
trap '{ __holdfast=$(($? & 255)) __holdfast_line=${LINENO-} __holdfast_command=${BASH_COMMAND-}; \set +eux
case ${BASH_VERSION-} in ?*) \trap - DEBUG;; esac
\unset -f command eval printf read test; } 2>/dev/null >&2
if \test "$__holdfast" != 0; then
    # Only busybox, which has a FUNCNAME, tells a line that is right in a trap.
    case ${BASH_VERSION-}/${FUNCNAME+busybox}/$__holdfast_line/$__holdfast_first in
        /busybox/*[!0-9/]*|/busybox//*|/busybox/*/) __holdfast_line=;;
        /busybox/*) __holdfast_line=$((__holdfast_line - __holdfast_first + 1));;
        *) __holdfast_line=;;
    esac
    case $__holdfast_command in ". /proc/self/fd/"*|*__holdfast*) __holdfast_command=;; esac
    __holdfast_format="code=%03d\000${__holdfast_line:+line=%s\000}"
    __holdfast_format="$__holdfast_format${__holdfast_command:+command=%.700s\000}\000"
    if \test -p /proc/self/fd/@REPORT@ && \printf "$__holdfast_format" "$__holdfast" \
        ${__holdfast_line:+"$__holdfast_line"} ${__holdfast_command:+"$__holdfast_command"} \
        >>/proc/self/fd/@REPORT@; then
        # bash: a TMOUT of the step would end the wait. No line is empty: then it was not our `read`.
        while IFS= \read -r ${BASH_VERSION:+-t99999999} __holdfast_line </proc/self/fd/@ANSWERS@ &&
            \test "$__holdfast_line"; do
            \command eval "$__holdfast_line"
        done
    fi
fi 2>/dev/null' EXIT
