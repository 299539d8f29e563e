# Sourced by bash through BASH_ENV, before the step's own text; see PROTOCOL.md.
# Nothing here may show under `bash -x`, nor leave anything behind but two traps and their few variables.
# What is in an array is not exported by a step's `set -a`. `\` and `builtin`: a step may have aliases and
# functions, which must not become part of this.
@HIDE@
@RESTORE@
exec @TEXT@<&-
# Which command failed, and where. $_ is the step's own: the last word puts it back.
builtin trap '{ __holdfast_at=("$?" "$LINENO" "$BASH_COMMAND" "$_")
\builtin : "${__holdfast_at[3]}"; } 2>/dev/null' ERR
# What is to be done after a failure is read only then: most steps pass. -t: the number may be another's now.
# A DEBUG trap of the step's is run before our `case`, and may write.
builtin trap '{ case $? in 0) ;; *)
__holdfast=$? __holdfast_end=("$-" "$BASH_COMMAND" "${FUNCNAME-}" "${BASH_LINENO-}")
\builtin trap - DEBUG ERR
\builtin test -p /proc/self/fd/@REPORT@ &&
    IFS= \builtin read -r -t5 __holdfast_line </proc/self/fd/@ANSWERS@ &&
    \builtin eval "$__holdfast_line";; esac; } 2>/dev/null >&2' EXIT
@SHOW@
@BASH_ENV@
