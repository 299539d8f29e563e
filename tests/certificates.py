"""A certificate authority of a test's own, and what it signs: real TLS, that nobody else trusts."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LIFETIME = dt.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A CA; its certificate is in `file`."""

    file: Path
    _key: ec.EllipticCurvePrivateKey
    _name: x509.Name

    def sign(self, folder: Path, *names: str, days: int = 0) -> tuple[str, str]:
        """Make a certificate for hosts and addresses, valid around today (plus `days`); both files' names."""
        key = ec.generate_private_key(ec.SECP256R1())
        about = (
            _builder(_name(names[0]), self._name, key, dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        files = folder / "relay.pem", folder / "relay.key"
        files[0].write_bytes(_pem(about.sign(self._key, hashes.SHA256())))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(files[0]), str(files[1])


def authority(folder: Path, name: str = "a test's CA") -> Authority:
    """Make a CA; its certificate is `folder`/ca.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(_name(name), _name(name), key, dt.timedelta())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "ca.pem"
    file.write_bytes(_pem(certificate))
    return Authority(file, key, _name(name))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, later: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC) + later
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
