# Evaluated by sh at the end of a step that failed, as one line: statements are ended as there; see PROTOCOL.md.
\set +eux;
case ${BASH_VERSION-} in ?*) \trap - DEBUG;; esac;
# Only busybox, which has a FUNCNAME, tells a line that is right in a trap.
case ${BASH_VERSION-}/${FUNCNAME+busybox}/$__holdfast_line/$__holdfast_first in
    /busybox/*[!0-9/]*|/busybox//*|/busybox/*/) __holdfast_line=;;
    /busybox/*) __holdfast_line=$((__holdfast_line - __holdfast_first + 1));;
    *) __holdfast_line=;;
esac;
case $__holdfast_command in ". /proc/self/fd/"*|*__holdfast*) __holdfast_command=;; esac;
__holdfast_format="code=%03d\000${__holdfast_line:+line=%s\000}";
__holdfast_format="$__holdfast_format${__holdfast_command:+command=%.700s\000}\000";
if \printf "$__holdfast_format" "$__holdfast" \
    ${__holdfast_line:+"$__holdfast_line"} ${__holdfast_command:+"$__holdfast_command"} \
    >>/proc/self/fd/@REPORT@; then
    # bash: a TMOUT of the step would end the wait. No line is empty: then it was not our `read`.
    while IFS= \read -r ${BASH_VERSION:+-t99999999} __holdfast_line </proc/self/fd/@ANSWERS@ &&
        \test "$__holdfast_line"; do
        \command eval "$__holdfast_line";
    done;
fi
