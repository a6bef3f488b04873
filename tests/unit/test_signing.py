"""Tests that third-party libraries accept our signatures, and nothing else.

The packages of npm are tested in `tests/integration/test_verified_by_others.py`.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
import standardwebhooks
import svix
from hypothesis import given
from hypothesis import strategies as st

from onrecord.webhooks.http.signing import new_secret, signed_headers

ID = "0199c2a8-0000-7000-8000-000000000001"
BODY = '{"text":"Gespräche führen \u2028 \U0001f5f3"}'.encode()


def now() -> datetime:
    return datetime.now(UTC)


def test_a_secret_is_32_random_bytes_in_the_form_of_the_specification() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert 100 == len(secrets)
    assert {True} == {secret.startswith("whsec_") for secret in secrets}
    assert {32} == {
        len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets
    }


def test_the_headers_are_those_of_the_specification() -> None:
    """Computed here from its text, with hashlib alone."""
    secret, at = new_secret(), datetime(2026, 11, 26, 12, 0, 0, 999_999, tzinfo=UTC)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    seconds = b"1795694400"
    digest = hmac.new(key, b".".join([ID.encode(), seconds, BODY]), hashlib.sha256).digest()
    expected = {
        "webhook-id": ID,
        "webhook-timestamp": seconds.decode(),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    assert expected == signed_headers([secret], id=ID, at=at, body=BODY)


@given(st.text(), st.integers(-14, 14))
def test_third_party_libraries_accept_signatures(text: str, hours: int) -> None:
    """Also of times in other time zones."""
    secret, body = new_secret(), orjson.dumps({"text": text})
    at = now().astimezone(timezone(timedelta(hours=hours)))
    headers = signed_headers([secret], id=ID, at=at, body=body)
    assert {"text": text} == standardwebhooks.Webhook(secret).verify(body, headers)
    svix.Webhook(secret).verify(body, headers)


def test_while_a_secret_rotates_both_are_accepted() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], id=ID, at=now(), body=BODY)
    assert 2 == len(headers["webhook-signature"].split(" "))
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(BODY, headers)
        svix.Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"webhook-id": "another"}, BODY),
        ({"webhook-timestamp": "1"}, BODY),
        ({}, BODY + b" "),
        ({}, b""),
    ],
)
def test_a_changed_delivery_is_refused(change: dict[str, str], body: bytes) -> None:
    secret = new_secret()
    headers = signed_headers([secret], id=ID, at=now(), body=BODY) | change
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(body, headers)
    with pytest.raises(svix.WebhookVerificationError):
        svix.Webhook(secret).verify(body, headers)


def test_another_secret_is_refused() -> None:
    headers = signed_headers([new_secret()], id=ID, at=now(), body=BODY)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(new_secret()).verify(BODY, headers)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_attempt_is_refused_even_with_a_valid_signature(minutes: int) -> None:
    secret = new_secret()
    headers = signed_headers([secret], id=ID, at=now() + timedelta(minutes=minutes), body=BODY)
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="too"):
        standardwebhooks.Webhook(secret).verify(BODY, headers)
