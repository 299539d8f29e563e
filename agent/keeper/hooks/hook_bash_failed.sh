# Evaluated by bash at the end of a step that failed, as one line: statements are ended as there; see PROTOCOL.md.
# A step may have functions with the names of our builtins: those are lost in its prompt.
\builtin set +eux;
\builtin unset -f [ builtin command eval printf read set test;
__holdfast_command=${__holdfast_end[1]} __holdfast_function= __holdfast_call= __holdfast_line=;
# With -c bash does not know the command any more; that of the ERR trap was the last only under `-e`.
case $__holdfast_command in *__holdfast*)
    __holdfast_command=;
    case ${__holdfast_end[0]} in *e*) __holdfast_command=${__holdfast_at[2]-};; esac;;
esac;
if \[ -n "$__holdfast_command" ] && \[ "$__holdfast_command" = "${__holdfast_at[2]-}" ] &&
    \[ "$__holdfast" = "${__holdfast_at[0]}" ]; then
    __holdfast_line=${__holdfast_at[1]};
elif \[ -n "${__holdfast_end[2]}" ]; then
    __holdfast_function=${__holdfast_end[2]} __holdfast_call=${__holdfast_end[3]};
fi;
__holdfast_format="code=%03d\000${__holdfast_line:+line=%s\000}${__holdfast_function:+function=%s\000}";
__holdfast_format+="${__holdfast_call:+called=%s\000}${__holdfast_command:+command=%s\000}\000";
if \printf "$__holdfast_format" "$__holdfast" \
    ${__holdfast_line:+"$__holdfast_line"} ${__holdfast_function:+"${__holdfast_function:0:100}"} \
    ${__holdfast_call:+"$__holdfast_call"} ${__holdfast_command:+"${__holdfast_command:0:700}"} \
    >>/proc/self/fd/@REPORT@; then
    # -t: a TMOUT of the step would end the wait. No line is empty: then it was not our `read`.
    while IFS= \read -r -t99999999 __holdfast_line </proc/self/fd/@ANSWERS@ && \[ "$__holdfast_line" ]; do
        \command eval "$__holdfast_line";
    done;
fi
