"""Asks the relay whether somebody debugs this build: for a step that deploys, before it starts."""

import json
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from agent.session.dial import trust
from agent.session.errors import RelayError

ANSWER_SECONDS = 5.0
"""For each step of the request: a refusal takes the relay 0.4 s, an answer less."""

ANSWER_BYTES = 4096

_SCHEMES = {"ws": "http", "wss": "https"}


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: the token is for the relay that was named, and for nobody else."""

    def redirect_request(self, *_: object) -> None:
        return None


def is_debugged(relay: str, token: str, ca_file: str | None, build: str) -> bool:
    """Return whether a session of a build is enabled or held; RelayError if the relay does not say.

    `relay` is its URL, ws:// or wss://; `build` is not empty.
    """
    scheme, _, place = relay.partition("://")
    url = f"{_SCHEMES[scheme]}://{place.rstrip('/')}/agent/build?build={quote(build, safe='')}"
    request = Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310  (http or https, see above)
    handlers = [HTTPSHandler(context=trust(ca_file))] if scheme == "wss" else []
    try:
        with build_opener(_NoRedirect, *handlers).open(request, timeout=ANSWER_SECONDS) as answer:
            said = json.loads(answer.read(ANSWER_BYTES))
        return bool(said["debugging"])
    except HTTPError as error:
        with error:
            raise RelayError(f"it answers {error.code}") from None
    except (URLError, HTTPException, OSError, ValueError, KeyError, TypeError) as error:
        raise RelayError(str(getattr(error, "reason", error))) from None
