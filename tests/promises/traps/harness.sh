# Stands before a Run step's text for sh and bash. TRAP_SECONDS is 3600 in a real one.
remote_debug() {
    if [ "$?" -ne 0 ]; then
        echo "set -g tmate-server-host \"relay.example.com\"" >>tmate.conf
        echo "set -g tmate-server-port 22" >>tmate.conf
        echo "set -g tmate-server-rsa-fingerprint \"SHA256:aaaa\"" >>tmate.conf
        echo "set -g tmate-server-ed25519-fingerprint \"SHA256:cccc\"" >>tmate.conf
        echo "set -g tmate-user acme" >>tmate.conf
        timeout "${TRAP_SECONDS:-3600}s" "$TMATE_PATH" -f tmate.conf -F
    fi
}
trap remote_debug EXIT
