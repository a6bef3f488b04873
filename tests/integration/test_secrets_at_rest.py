"""Secrets of webhooks at rest: encrypted, bound to their endpoint, and what a lost key stops."""

from collections.abc import Callable
from uuid import UUID

import httpx2
from standardwebhooks import Webhook

from onrecord.entrypoints.commands import doctor
from onrecord.kit.encryption_keys import new_key
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.reencrypt import KeyUse, key_use, reencrypt_secrets
from tests.support.receiver import Receiver
from tests.support.store import SECRETS_KEY, Store
from tests.support.webhooks import (
    MAKE_RETRIES_DUE,
    create_endpoint,
    deliveries,
    record_positions,
    run_sql,
    wait_for_attempts,
    wait_until_settled,
)

URL = "https://hooks.example/"


def stored_secrets(store: Store, endpoint: str) -> tuple[bytes, bytes | None]:
    """The secret of an endpoint and its old one, as the table has them."""
    with db.connect(store.url, role="onrecord_webhooks") as conn:
        row = conn.execute(
            "SELECT encrypted_secret, encrypted_old_secret FROM webhooks.endpoints WHERE id = %s",
            [endpoint],
        ).fetchone()
    assert row
    return row[0], row[1]


def replace_secret(store: Store, endpoint: str, token: bytes) -> None:
    with db.connect(store.url, role="onrecord_webhooks") as conn:
        conn.execute(
            "UPDATE webhooks.endpoints SET encrypted_secret = %s WHERE id = %s", [token, endpoint]
        )


def diagnose(store: Store, *keys: str) -> doctor.Diagnosis:
    fields = {"database_url": store.url, "secrets_key": ",".join(keys) or None}
    (diagnosis,) = doctor.diagnose_secrets(Settings.model_validate(fields), store.url)
    return diagnosis


def test_no_secret_is_stored_in_plain(client: httpx2.Client, store: Store) -> None:
    endpoint = create_endpoint(client, URL)
    rotated = client.post(f"/v1/endpoints/{endpoint['id']}/rotate")
    cipher = SecretCipher([SECRETS_KEY])
    secret, old = stored_secrets(store, endpoint["id"])
    assert old is not None
    assert b"whsec_" not in secret + old
    assert rotated.json()["secret"] == cipher.decrypt(UUID(endpoint["id"]), secret)
    assert endpoint["secret"] == cipher.decrypt(UUID(endpoint["id"]), old)


def test_answers_with_a_secret_are_not_stored_by_caches(client: httpx2.Client) -> None:
    made = client.post("/v1/endpoints", json={"url": URL})
    rotated = client.post(f"/v1/endpoints/{made.json()['id']}/rotate")
    assert ["no-store"] * 2 == [answer.headers["Cache-Control"] for answer in (made, rotated)]


def test_a_lost_key_stops_its_endpoint_only_until_the_secret_is_rotated(
    client: httpx2.Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    lost = create_endpoint(client, receiver.url(), types=["position.changed"])
    healthy = create_endpoint(client, receiver.url(), types=["position.changed"])
    lost_key = SecretCipher([new_key()])
    replace_secret(store, lost["id"], lost_key.encrypt(UUID(lost["id"]), lost["secret"]))
    record_positions(client, 1)
    deliver()
    wait_until_settled(client, healthy["id"])
    (attempt,) = wait_for_attempts(client, lost["id"])["attempts"]
    assert "Nothing was sent: the endpoint's secret cannot be decrypted" in attempt["error"]
    assert "ONRECORD_SECRETS_KEY" in attempt["error"]
    (request,) = receiver.requests
    Webhook(healthy["secret"]).verify(request.body, dict(request.headers))

    diagnosis = diagnose(store, SECRETS_KEY)
    assert not diagnosis.healthy
    assert diagnosis.state.endswith("does not decrypt the secret of 1 endpoint")
    assert "rotate" in diagnosis.remedy

    rotated = client.post(f"/v1/endpoints/{lost['id']}/rotate").json()
    assert diagnose(store, SECRETS_KEY).healthy
    run_sql(store.url, MAKE_RETRIES_DUE)
    deliver()
    wait_until_settled(client, lost["id"])
    request = receiver.requests[-1]
    Webhook(rotated["secret"]).verify(request.body, dict(request.headers))
    assert 1 == len(request.headers["webhook-signature"].split())  # not by the lost one


def test_a_secret_that_was_copied_from_another_endpoint_signs_nothing(
    client: httpx2.Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    own = create_endpoint(client, receiver.url(), types=["position.changed"])
    other = create_endpoint(client, URL)
    replace_secret(store, own["id"], stored_secrets(store, other["id"])[0])
    record_positions(client, 1)
    deliver()
    assert "cannot be decrypted" in wait_for_attempts(client, own["id"])["attempts"][0]["error"]
    assert [] == receiver.requests
    assert "pending" == deliveries(client, own["id"])[0]["state"]


def test_a_new_key_in_front_encrypts_all_secrets_anew_and_the_older_one_can_go(
    client: httpx2.Client, store: Store
) -> None:
    endpoint = create_endpoint(client, URL)
    client.post(f"/v1/endpoints/{endpoint['id']}/rotate")
    new = new_key()
    both = SecretCipher([new, SECRETS_KEY])
    assert "older key" in diagnose(store, new, SECRETS_KEY).state
    with db.connect(store.url, role="onrecord_webhooks") as conn:
        assert KeyUse(older=1, lost=0) == key_use(conn, both)
        assert 2 == reencrypt_secrets(conn, both)
        assert 0 == reencrypt_secrets(conn, both)
        assert KeyUse(older=0, lost=0) == key_use(conn, SecretCipher([new]))
    secret, old = stored_secrets(store, endpoint["id"])
    signing = SecretCipher([new]).signing_secrets(UUID(endpoint["id"]), secret, old)
    assert endpoint["secret"] == signing[1]
    assert diagnose(store, new).healthy
    assert not diagnose(store, SECRETS_KEY).healthy


def test_doctor_reports_a_missing_key_with_the_command_that_makes_one(store: Store) -> None:
    diagnosis = diagnose(store)
    assert not diagnosis.healthy
    assert "ONRECORD_SECRETS_KEY is not set" == diagnosis.state
    assert "openssl rand" in diagnosis.remedy
