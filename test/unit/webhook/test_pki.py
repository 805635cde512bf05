"""What is made anew, and when: authority and certificate, as pure functions of time."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from jobflows.webhook.pki import Materials, renewed
from jobflows.webhook.serving import Pair, Serving

START = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = timedelta(days=90)
NAMES = ("jobflow-webhook.jobflow.svc", "127.0.0.1")
NEW = renewed(None, NAMES, START, LIFE)


def after(days: float, held: Materials = NEW, names: tuple[str, ...] = NAMES) -> Materials:
    return renewed(held, names, START + timedelta(days=days), LIFE)


def authorities(held: Materials) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(held.authorities)


def certificate(held: Materials) -> x509.Certificate:
    return x509.load_pem_x509_certificate(held.certificate)


def is_signed(held: Materials, by: x509.Certificate) -> bool:
    try:
        certificate(held).verify_directly_issued_by(by)
    except (ValueError, InvalidSignature):
        return False
    return True


def test_at_first_all_is_made() -> None:
    (authority,) = authorities(NEW)
    assert is_signed(NEW, authority)
    names = certificate(NEW).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["jobflow-webhook.jobflow.svc"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert certificate(NEW).not_valid_after_utc == START + LIFE
    assert authority.not_valid_after_utc == START + 3 * LIFE


@pytest.mark.parametrize("days", [0, 1, 59.9])
def test_what_is_not_due_stays(days: float) -> None:
    assert after(days) == NEW


def test_a_certificate_is_renewed_with_a_third_of_its_life_left() -> None:
    later = after(60)
    assert later.authorities == NEW.authorities
    assert later.certificate != NEW.certificate
    assert later.key != NEW.key
    assert certificate(later).not_valid_after_utc == START + timedelta(days=150)


def test_a_new_authority_is_trusted_first_and_signs_later() -> None:
    held = after(120, after(60))
    assert authorities(held) == authorities(NEW)
    joined = after(180, held)
    newest, old = authorities(joined)
    assert old == authorities(NEW)[0]
    assert joined.certificate == held.certificate
    assert is_signed(joined, old)
    assert after(180.02, joined) == joined
    signed = after(180.05, joined)
    assert is_signed(signed, newest)
    assert authorities(signed) == [newest, old]


def test_an_authority_that_has_expired_leaves_the_bundle() -> None:
    held = NEW
    for day in range(0, 275, 5):
        held = after(day, held)
    assert authorities(NEW)[0] not in authorities(held)
    assert len(authorities(held)) == 1


def test_at_every_moment_what_is_served_is_trusted_and_valid() -> None:
    held = NEW
    for day in range(0, 730, 2):
        now = START + timedelta(days=day)
        held = renewed(held, NAMES, now, LIFE)
        assert certificate(held).not_valid_after_utc - now > LIFE / 4
        assert any(is_signed(held, each) for each in authorities(held))
        assert len(authorities(held)) <= 2
        assert renewed(held, NAMES, now, LIFE) == held


def test_after_years_without_care_all_is_made_anew() -> None:
    later = after(1000)
    assert authorities(later) != authorities(NEW)
    assert is_signed(later, authorities(later)[0])


SPOILT: dict[str, Materials] = {
    "no authority": replace(NEW, authorities=b""),
    "an authority that is none": replace(NEW, authorities=b"-----BEGIN CERTIFICATE-----\nx"),
    "no key of it": replace(NEW, authority_key=b"none"),
    "another's key": replace(NEW, authority_key=NEW.key),
    "no certificate": replace(NEW, certificate=b""),
    "no key": replace(NEW, key=b"garbage"),
    "the authority's key": replace(NEW, key=NEW.authority_key),
}


@pytest.mark.parametrize("held", SPOILT.values(), ids=list(SPOILT))
def test_what_somebody_has_spoilt_is_made_anew(held: Materials) -> None:
    mended = after(1, held)
    assert mended.certificate != held.certificate
    assert is_signed(mended, authorities(mended)[0])
    assert after(1, mended) == mended


def test_other_names_need_another_certificate() -> None:
    other = after(1, names=("other.jobflow.svc",))
    assert other.authorities == NEW.authorities
    assert other.certificate != NEW.certificate


def test_keys_are_in_no_representation() -> None:
    assert "PRIVATE" not in repr(NEW)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_is_good_for_tls(name: str) -> None:
    held = renewed(None, NAMES, datetime.now(UTC), LIFE)
    serving = Serving()
    serving.load(Pair("here", held.certificate, held.key))
    trust = ssl.create_default_context(cadata=held.authorities.decode())
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = trust.wrap_bio(back, there, server_hostname=name)
    server = serving.context.wrap_bio(there, back, server_side=True)
    for end in (caller, server, caller, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert caller.version() == "TLSv1.3"
