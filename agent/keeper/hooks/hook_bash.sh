# Sourced by bash through BASH_ENV, before the step's own text; see PROTOCOL.md.
# Nothing here may show under `bash -x`, nor leave anything behind but two traps and their few variables.
# What is in an array is not exported by a step's `set -a`. `\` and `builtin`: a step may have aliases and
# functions, which must not become part of this.
{ __holdfast_at=("$-" "$_"); builtin set +x; } 2>/dev/null
@RESTORE@
exec @TEXT@<&-
# Which command failed, and where. $_ is the step's own: the last word puts it back.
builtin trap '{ __holdfast_at=("$?" "$LINENO" "$BASH_COMMAND" "$_")
\builtin : "${__holdfast_at[3]}"; } 2>/dev/null' ERR
# A step may have functions with the names of our builtins: those are lost in its prompt.
builtin trap '{ __holdfast=$? __holdfast_end=("$-" "$BASH_COMMAND" "${FUNCNAME-}" "${BASH_LINENO-}")
\builtin set +eux; \builtin trap - DEBUG ERR
\builtin unset -f [ builtin command eval printf read set test; } 2>/dev/null >&2
if \[ "$__holdfast" != 0 ]; then
    __holdfast_command=${__holdfast_end[1]} __holdfast_function= __holdfast_call= __holdfast_line=
    # With -c bash does not know the command any more; that of the ERR trap was the last only under `-e`.
    case $__holdfast_command in *__holdfast*)
        __holdfast_command=
        case ${__holdfast_end[0]} in *e*) __holdfast_command=${__holdfast_at[2]-};; esac;;
    esac
    if \[ -n "$__holdfast_command" ] && \[ "$__holdfast_command" = "${__holdfast_at[2]-}" ] &&
        \[ "$__holdfast" = "${__holdfast_at[0]}" ]; then
        __holdfast_line=${__holdfast_at[1]}
    elif \[ -n "${__holdfast_end[2]}" ]; then
        __holdfast_function=${__holdfast_end[2]} __holdfast_call=${__holdfast_end[3]}
    fi
    __holdfast_format="code=%03d\000${__holdfast_line:+line=%s\000}${__holdfast_function:+function=%s\000}"
    __holdfast_format+="${__holdfast_call:+called=%s\000}${__holdfast_command:+command=%s\000}\000"
    if \test -p /proc/self/fd/@REPORT@ && \printf "$__holdfast_format" "$__holdfast" \
        ${__holdfast_line:+"$__holdfast_line"} ${__holdfast_function:+"${__holdfast_function:0:100}"} \
        ${__holdfast_call:+"$__holdfast_call"} ${__holdfast_command:+"${__holdfast_command:0:700}"} \
        >>/proc/self/fd/@REPORT@; then
        # -t: a TMOUT of the step would end the wait. No line is empty: then it was not our `read`.
        while IFS= \read -r -t99999999 __holdfast_line </proc/self/fd/@ANSWERS@ &&
            \[ "$__holdfast_line" ]; do
            \command eval "$__holdfast_line"
        done
    fi
fi 2>/dev/null' EXIT
case ${__holdfast_at[0]} in *x*) builtin set -x;; esac
{ builtin : "${__holdfast_at[1]}"; } 2>/dev/null
@BASH_ENV@
