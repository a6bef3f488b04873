"""Files of the log that the settings name: its key, its last checkpoint, and its policy.

Used by the signer, the APIs and `onrecord log-key`.
"""

from typing import Final
from urllib.parse import urlsplit

from onrecord.kit.settings import BadSettings, Settings
from onrecord.kit.tlog.policies import BadPolicy, Policy, parse_policy
from onrecord.signing.log_identity import LogIdentity

_NO_WITNESSES: Final = b"quorum none\n"


def log_identity(settings: Settings) -> LogIdentity:
    """Where the key and the last checkpoint are; the origin only where a setting says it."""
    is_given = "log_origin" in settings.model_fields_set
    return LogIdentity(
        settings.log_key_file,
        settings.kept_checkpoint_file,
        settings.log_origin,
        settings.log_origin if is_given else None,
    )


def policy_text(settings: Settings) -> str:
    """The text of the operator's policy; without one, that no witness must have cosigned.

    Raises `BadSettings`.
    """
    try:
        data = settings.log_policy.read_bytes() if settings.log_policy else _NO_WITNESSES
        return data.decode()
    except OSError as error:
        raise BadSettings(f"ONRECORD_LOG_POLICY: {error}") from None
    except UnicodeDecodeError:
        raise BadSettings(f"ONRECORD_LOG_POLICY: {settings.log_policy} is not UTF-8") from None


def read_policy(settings: Settings) -> Policy:
    """The operator's policy. Raises `BadSettings`."""
    try:
        policy = parse_policy(policy_text(settings).encode())
    except BadPolicy as error:
        raise BadSettings(f"ONRECORD_LOG_POLICY: {settings.log_policy}: {error}") from None
    for witness in policy.witnesses.values():
        if witness.url is not None and not _is_web_address(witness.url):
            raise BadSettings(
                f"ONRECORD_LOG_POLICY: {settings.log_policy}: the address of {witness.name} is no"
                " http or https address"
            )
    return policy


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
