# Sourced by bash through BASH_ENV, before the step's own text; see PROTOCOL.md.
# Nothing here may show under `bash -x`, nor leave anything behind but two traps and their few variables.
{ __holdfast_flags=$-; set +x; } 2>/dev/null
@BASH_ENV@
exec @TEXT@<&-
# Which command failed, and where. $_ is the step's own: the last word puts it back.
trap '{ __holdfast_last=$_ __holdfast_status=$? __holdfast_line=$LINENO __holdfast_at=$BASH_COMMAND
: "$__holdfast_last"; } 2>/dev/null' ERR
trap '{ __holdfast=$? __holdfast_flags=$- __holdfast_command=$BASH_COMMAND
__holdfast_function=${FUNCNAME-} __holdfast_call=${BASH_LINENO-}; trap - DEBUG ERR; set +eux; } >/dev/null 2>&1
if [ "$__holdfast" != 0 ]; then
    # With -c bash does not know the command any more; the one of the ERR trap was the last only under errexit.
    case $__holdfast_command in *__holdfast*)
        __holdfast_command=; case $__holdfast_flags in *e*) __holdfast_command=${__holdfast_at-};; esac;;
    esac
    if [ -n "$__holdfast_command" ] && [ "$__holdfast_command" = "${__holdfast_at-}" ] &&
        [ "$__holdfast" = "${__holdfast_status-}" ]; then
        __holdfast_function= __holdfast_call=
    else
        __holdfast_line=; case $__holdfast_function in "") __holdfast_call=;; esac
    fi
    __holdfast_format="code=%03d\000${__holdfast_line:+line=%s\000}${__holdfast_function:+function=%s\000}"
    __holdfast_format+="${__holdfast_call:+called=%s\000}${__holdfast_command:+command=%s\000}\000"
    if command test -p /proc/self/fd/@REPORT@ && command printf "$__holdfast_format" "$__holdfast" \
        ${__holdfast_line:+"$__holdfast_line"} ${__holdfast_function:+"${__holdfast_function:0:100}"} \
        ${__holdfast_call:+"$__holdfast_call"} ${__holdfast_command:+"${__holdfast_command:0:700}"} \
        >>/proc/self/fd/@REPORT@; then
        # -t: a TMOUT of the step would end the wait.
        while IFS= command read -r -t99999999 __holdfast_line </proc/self/fd/@ANSWERS@; do
            command eval "$__holdfast_line"
        done
    fi
fi 2>/dev/null' EXIT
case $__holdfast_flags in *x*) unset __holdfast_flags; set -x;; *) unset __holdfast_flags;; esac
