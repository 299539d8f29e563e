"""Whom the agent trusts over TLS: the CAs that are named, else the container's own, else those that came with us.

What OpenSSL would find by itself depends on who compiled it: the static binary's looks where Debian keeps it, only.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import certifi

from agent.session.errors import RelayRefused

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Name a bundle for other programs too: OpenSSL, Go, curl; Python's requests, which takes a directory as well."""

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL and their like
    "/etc/pki/tls/certs/ca-bundle.crt",  # … and older ones
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/var/lib/ca-certificates/ca-bundle.pem",  # … whose other names are links to this
    "/etc/ssl/cert.pem",  # Alpine with no ca-certificates
)
"""Where distributions keep all that they trust in one file; the first that there is."""

FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Where a certificate that somebody adds to an image lies, with or without the names that OpenSSL looks for."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What TLS connections are made with, and in words whose CAs are in it."""

    context: ssl.SSLContext
    source: str


def choose_trust(ca_file: str | None, environment: Mapping[str, str], root: str = "/") -> Trust:
    """Return the TLS context; the first that names or has CAs decides alone.

    What a variable names may be gone, for it is everybody's; one that is there has to hold certificates: RelayRefused.
    """
    if ca_file:
        return _named(ca_file, f"CA file {ca_file}", f"the CAs of {ca_file}")
    for name in VARIABLES:
        path = environment.get(name)
        if path and os.access(path, os.R_OK) and (name == "REQUESTS_CA_BUNDLE" or os.path.isfile(path)):
            return _named(path, f"{name} names {path}", f"the CAs of {name}, {path}")
    return _container(environment.get("SSL_CERT_DIR"), root) or _ours()


def _named(path: str, what: str, source: str) -> Trust:
    trust = Trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), source)
    try:
        if os.path.isdir(path):
            if not _load_folder(trust.context, path, set()):
                raise ssl.SSLError(0, "no certificate in this directory")
        else:
            trust.context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        reason = "no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise RelayRefused(f"{what}: {reason}: give one that can be read by --ca-file") from error
    return trust


def _container(named: str | None, root: str) -> Trust | None:
    """Trust the container's own; None if it has none. `named` are directories instead of the usual."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bundles = (os.path.join(root, path[1:]) for path in BUNDLES)
    bundle = next((path for path in bundles if _load(context, path)), None)
    folders = named.split(":") if named else [os.path.join(root, path[1:]) for path in FOLDERS]
    known = {os.path.realpath(bundle)} if bundle else set()
    # Beside a bundle, links are to what it has already: 280 files, and 200 ms.
    found = [path for path in folders if _load_folder(context, path, known, links=bool(named) or not bundle)]
    if bundle:
        found.insert(0, bundle)
    return Trust(context, f"this container's CAs ({', '.join(found)})") if found else None


def _ours() -> Trust:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Not by its path: in the static binary it has none.
    context.load_verify_locations(cadata=certifi.contents())
    return Trust(context, "the agent's own public CAs, for this container has none")


def _load_folder(context: ssl.SSLContext, folder: str, known: set[str], *, links: bool = True) -> bool:
    """Load every file of certificates there that is not `known` yet; tell whether there was one."""
    loaded = False
    for path in _files(folder):
        real = os.path.realpath(path)
        if real not in known and (links or not os.path.islink(path)):
            known.add(real)
            loaded = _load(context, path) or loaded
    return loaded


def _files(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [path for name in names if os.path.isfile(path := os.path.join(folder, name))]


def _load(context: ssl.SSLContext, path: str) -> bool:
    """Load what certificates a file has; False if it has none, or cannot be read: nobody has named it."""
    try:
        context.load_verify_locations(cafile=path)
    except OSError:
        return False
    return True
