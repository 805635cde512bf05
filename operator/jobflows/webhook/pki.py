"""A certificate authority of the webhook's own: what it makes, and when it makes it anew. Pure.

`renewed` looks at what there is and at the time, and returns what there should be. Rules:
- what is renewed is renewed with a third of its life left, so that weeks of trouble do no harm;
- callers trust a bundle. A new authority first only joins it; when it has been in there for
  `settle`, and every caller knows it, it signs the certificate; the old one stays in the bundle
  until it expires. So at no moment is something served that somebody does not trust yet;
- what is missing, unreadable or for other names is made at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIVES = 3
"""Lives of a certificate that an authority lives."""

BACKDATED = timedelta(minutes=5)
"""A certificate is valid from a little before it is made: clocks differ."""

LONGEST_SETTLE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Materials:
    """All that is kept, as PEM. `authorities` is the bundle that callers trust, newest first."""

    authorities: bytes
    authority_key: bytes = field(repr=False)
    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


def renewed(
    held: Materials | None, names: Sequence[str], now: datetime, life: timedelta
) -> Materials:
    """What there should be: equal to `held` as long as nothing of it is due.

    `names` are those of the server; `life` is that of its certificate.
    """
    settle = min(LONGEST_SETTLE, life / 6)
    known = _read(held, now) if held is not None else None
    if held is None or known is None:
        authority = new_authority(now, life * AUTHORITY_LIVES)
        return _materials([authority.certificate], authority, *issue(authority, names, now, life))
    authority, bundle, certificate = known
    fresh = authority
    if _is_due(authority.certificate, now, life * AUTHORITY_LIVES):
        fresh = new_authority(now, life * AUTHORITY_LIVES)
        bundle = [fresh.certificate, *bundle]
    usable = certificate is not None and _is_usable(certificate, bundle, names, now)
    settled = fresh.certificate.not_valid_before_utc + BACKDATED + settle <= now
    stale = certificate is None or _is_due(certificate, now, life)
    stale = stale or not _is_signed(certificate, fresh.certificate)
    if not usable or (stale and settled):
        return _materials(bundle, fresh, *issue(fresh, names, now, life))
    return _materials(bundle, fresh, held.certificate, held.key)


def new_authority(now: datetime, life: timedelta) -> Authority:
    """An authority that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"jobflow webhook {serial:x}"[:60])])
    public = key.public_key()
    certificate = (
        _builder(name, name, public, now, life)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(
    authority: Authority, names: Sequence[str], now: datetime, life: timedelta
) -> tuple[bytes, bytes]:
    """A server's certificate for DNS names and IP addresses, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jobflow webhook")])
    public = authority.key.public_key()
    certificate = (
        _builder(subject, authority.certificate.subject, key.public_key(), now, life)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), _key_pem(key)


def _materials(
    bundle: Sequence[x509.Certificate], authority: Authority, certificate: bytes, key: bytes
) -> Materials:
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in bundle)
    return Materials(pem, _key_pem(authority.key), certificate, key)


def _read(
    held: Materials, now: datetime
) -> tuple[Authority, list[x509.Certificate], x509.Certificate | None] | None:
    """The authority that signs, all that are still valid, and the certificate if it has its key.

    None if there is no authority that could sign.
    """
    try:
        authorities = x509.load_pem_x509_certificates(held.authorities)
        key = load_pem_private_key(held.authority_key, None)
    except (ValueError, TypeError):
        return None
    newest = authorities[0]
    if not isinstance(key, ec.EllipticCurvePrivateKey) or newest.public_key() != key.public_key():
        return None
    if newest.not_valid_after_utc <= now:
        return None
    valid = [each for each in authorities if each.not_valid_after_utc > now]
    return Authority(newest, key), valid, _certificate(held)


def _certificate(held: Materials) -> x509.Certificate | None:
    try:
        certificate = x509.load_pem_x509_certificate(held.certificate)
        key = load_pem_private_key(held.key, None)
    except (ValueError, TypeError):
        return None
    return certificate if certificate.public_key() == key.public_key() else None


def _is_due(certificate: x509.Certificate, now: datetime, life: timedelta) -> bool:
    return now >= certificate.not_valid_after_utc - life / 3


def _is_usable(
    certificate: x509.Certificate,
    bundle: Sequence[x509.Certificate],
    names: Sequence[str],
    now: datetime,
) -> bool:
    """Whether it may be served: it has not expired, is for these names, and callers trust it."""
    if certificate.not_valid_after_utc <= now:
        return False
    try:
        said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    wanted = {_alternative(name) for name in names}
    return wanted <= set(said) and any(_is_signed(certificate, each) for each in bundle)


def _is_signed(certificate: x509.Certificate | None, by: x509.Certificate) -> bool:
    if certificate is None:
        return False
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
