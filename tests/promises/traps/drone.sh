# Stands before a step's commands, all of it on a shell's standard input.
if [ "${DRONE_BUILD_DEBUG:-}" = "true" ]; then
    remote_debug() {
        if [ "$?" -ne 0 ]; then
            echo "set -g tmate-server-host relay.example.com" >>"$HOME/.tmate.conf"
            echo "set -g tmate-server-port 22" >>"$HOME/.tmate.conf"
            echo "set -g tmate-authorized-keys \"$HOME/.tmate.authorized_keys\"" >>"$HOME/.tmate.conf"
            "$TMATE_PATH" -F
        fi
    }
    trap remote_debug EXIT
fi
set -e
