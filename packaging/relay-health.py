"""Ask the relay of this container whether it serves: the health check of relay.Dockerfile.

Exits with 1 if it does not.
"""

import http.client
import os
import ssl
import sys

SECONDS = 4.0
"""One less than the health check may take."""


def main() -> int:
    """Return 0 if it does."""
    port = int(os.environ["HOLDFAST_RELAY_HTTP"].rpartition(":")[2])
    if os.environ.get("HOLDFAST_RELAY_TLS_CERT"):
        context = ssl.create_default_context()
        context.check_hostname = False  # the certificate is for the name that agents dial
        context.verify_mode = ssl.CERT_NONE
        relay = http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)
    else:
        relay = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        relay.request("GET", "/healthz")
        return int(relay.getresponse().status != http.HTTPStatus.OK)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
