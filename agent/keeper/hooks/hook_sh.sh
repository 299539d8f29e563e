# Read by sh (dash, busybox, bash as sh) in front of the step's own text, on its first line; see PROTOCOL.md.
# $1 is what busybox calls the first line. `\`: a step's aliases must not become part of this.
__holdfast_first=${1-}
# What is to be done after a failure is read only then: most steps pass.
# -t: the number may be another's now, but not in dash, whose scripts know no number above 9. busybox has a FUNCNAME.
# A step may have functions with the names of our builtins: those are lost in its prompt.
# dash says 256 for `exit 256`. A DEBUG trap of the step's, in bash, is run before our `case`, and may write.
trap '{ case $(($? & 255)) in 0) ;; *)
__holdfast=$(($? & 255)) __holdfast_line=${LINENO-} __holdfast_command=${BASH_COMMAND-}
\unset -f command eval printf read test
\test -p /proc/self/fd/@REPORT@ &&
    IFS= \read -r ${BASH_VERSION+"-t5"} ${FUNCNAME+"-t5"} __holdfast_end </proc/self/fd/@ANSWERS@ &&
    \eval "$__holdfast_end";; esac; } 2>/dev/null >&2' EXIT
