# Read by sh (dash, busybox, bash as sh) in front of the step's own text, on its first line; see PROTOCOL.md.
# $1 is what busybox calls the first line. `\`: a step's aliases must not become part of this.
__holdfast_first=${1-}
# What is to be done after a failure is read only then, and what reads it is parsed only then: most steps pass.
# -t: the number may be another's now, but not in dash, whose scripts know no number above 9.
# A step may have functions with the names of our builtins: those are lost in its prompt.
__holdfast_end='\set +eux
case ${BASH_VERSION-} in ?*) \trap - DEBUG;; esac
\unset -f command eval printf read test
__holdfast_failed= __holdfast_limit=${BASH_VERSION+-t5}
__holdfast_limit=${__holdfast_limit:-${FUNCNAME+-t5}}
while \test -p /proc/self/fd/@REPORT@ &&
    IFS= \read -r ${__holdfast_limit:+"$__holdfast_limit"} __holdfast_more </proc/self/fd/@ANSWERS@ &&
    \test "$__holdfast_more"; do
    __holdfast_failed="$__holdfast_failed$__holdfast_more
"
done
\command eval "$__holdfast_failed"'
# dash says 256 for `exit 256`.
trap '{ case $(($? & 255)) in 0) ;; *)
__holdfast=$(($? & 255)) __holdfast_line=${LINENO-} __holdfast_command=${BASH_COMMAND-}
\eval "$__holdfast_end";; esac; } 2>/dev/null >&2' EXIT
