"""Encryption of endpoints' secrets: which key decrypts what, and only for its own endpoint."""

from uuid import uuid4

import pytest

from onrecord.kit.encryption_keys import new_key
from onrecord.webhooks.encryption import SecretCipher, UndecryptableSecret

OLD, NEW = new_key(), new_key()
ENDPOINT = uuid4()
SECRET = "whsec_" + "A" * 44


def test_a_secret_is_encrypted_and_read_again() -> None:
    cipher = SecretCipher([OLD])
    token = cipher.encrypt(ENDPOINT, SECRET)
    assert SECRET.encode() not in token
    assert token != cipher.encrypt(ENDPOINT, SECRET)
    assert SECRET == cipher.decrypt(ENDPOINT, token)


def test_a_ciphertext_of_another_endpoint_is_refused() -> None:
    cipher = SecretCipher([OLD])
    token = cipher.encrypt(ENDPOINT, SECRET)
    with pytest.raises(UndecryptableSecret):
        cipher.decrypt(uuid4(), token)


@pytest.mark.parametrize("token", [b"", b"whsec_AAAA", b"gAAAAA"])
def test_what_is_no_ciphertext_is_refused(token: bytes) -> None:
    with pytest.raises(UndecryptableSecret):
        SecretCipher([OLD]).decrypt(ENDPOINT, token)


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    old, both, new = SecretCipher([OLD]), SecretCipher([NEW, OLD]), SecretCipher([NEW])
    assert SECRET == both.decrypt(ENDPOINT, old.encrypt(ENDPOINT, SECRET))
    assert SECRET == new.decrypt(ENDPOINT, both.encrypt(ENDPOINT, SECRET))


def test_a_secret_under_an_older_key_is_encrypted_anew_for_the_same_endpoint() -> None:
    old, both, new = SecretCipher([OLD]), SecretCipher([NEW, OLD]), SecretCipher([NEW])
    token = old.encrypt(ENDPOINT, SECRET)
    again = both.reencrypt(token)
    assert again is not None
    assert SECRET == new.decrypt(ENDPOINT, again)
    with pytest.raises(UndecryptableSecret):
        new.decrypt(uuid4(), again)
    assert both.reencrypt(again) is None  # it is already
    assert new.reencrypt(token) is None  # no key decrypts it


def test_a_lost_old_secret_signs_no_more_and_a_lost_secret_is_an_error() -> None:
    lost, cipher = SecretCipher([OLD]), SecretCipher([NEW])
    token, old = cipher.encrypt(ENDPOINT, SECRET), lost.encrypt(ENDPOINT, "whsec_b2xk")
    assert (SECRET,) == cipher.signing_secrets(ENDPOINT, token, old)
    assert (SECRET, SECRET) == cipher.signing_secrets(ENDPOINT, token, token)
    with pytest.raises(UndecryptableSecret):
        cipher.signing_secrets(ENDPOINT, old, token)
