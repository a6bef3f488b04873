"""The options of `onrecord verify` that say whom to trust: `--key` and `--policy`."""

from collections.abc import Iterable
from pathlib import Path

import typer

from onrecord.kit.tlog.keys import BadKey, KeyType, VerifierKey, parse_verifier_key
from onrecord.kit.tlog.policies import BadPolicy, Policy, parse_policy


def parse_log_keys(texts: Iterable[str]) -> list[VerifierKey]:
    """The values of `--key`. Raises `typer.BadParameter` where one is no key of a log."""
    keys = []
    for text in texts:
        try:
            key = parse_verifier_key(text.strip())
        except BadKey as error:
            raise typer.BadParameter(f"--key is no verifier key: {error}") from None
        if key.type is not KeyType.ED25519:
            message = f"--key {key.name} is a witness's key: give the log's, and the witness in"
            raise typer.BadParameter(f"{message} a --policy")
        keys.append(key)
    return keys


def read_policy_file(path: Path | None) -> Policy | None:
    """The file of `--policy`. Raises `typer.BadParameter` where it is no C2SP tlog-policy."""
    if path is None:
        return None
    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"--policy {path} cannot be read: {error.strerror}") from None
    except BadPolicy as error:
        raise typer.BadParameter(f"--policy {path}: {error}") from None
