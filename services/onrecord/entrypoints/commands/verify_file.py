"""`onrecord verify FILE`: check of a proof file, without network or database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import typer

from onrecord.entrypoints.commands.options import NO, USAGE, echo, error_console, print_json
from onrecord.entrypoints.commands.trust_options import parse_log_keys, read_policy_file
from onrecord.kit.terminal import visible
from onrecord.verifying.quote import BadQuote, CheckedQuote, EventNeeded, check_quote
from onrecord.verifying.quote_description import describe_quote, limits_of

MAX_BYTES: Final = 8 << 20
"""More than the longest statement takes."""
_WIDTH: Final = 16


def verify_file(
    path: Path,
    keys: Sequence[str],
    *,
    policy: Path | None = None,
    event: Path | None = None,
    as_json: bool = False,
) -> None:
    """Check a proof, and print what it proves. Exit codes: 0 it holds, 1 it does not, 2 usage."""
    verifiers, trusted = parse_log_keys(keys), read_policy_file(policy)
    if not verifiers and not (trusted and trusted.logs):
        _stop(
            "Give the key of the log with --key, or a --policy with a line of the log, from a place"
            " that you trust: not from the file."
        )
    try:
        proof = _read(path)
        event_text = None if event is None else _read(event)
        quote = check_quote(proof, verifiers, policy=trusted, event=event_text)
    except OSError as error:
        _stop(f"{error.filename} cannot be read: {error.strerror}.")
    except EventNeeded:
        _stop(
            "This proof does not hold its event. Save the answer of GET /v1/events/{id} and give"
            " that file with --event."
        )
    except BadQuote as error:
        _print_refusal(str(error), as_json=as_json)
        raise typer.Exit(NO) from None
    _print_quote(quote, as_json=as_json)


def _read(path: Path) -> str:
    """A file's text. Raises OSError, or `BadQuote`."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadQuote(f"The file {path} is too large for a proof: over {MAX_BYTES >> 20} MiB.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadQuote(f"The file {path} is no text, so it is no proof.") from None


def _print_quote(quote: CheckedQuote, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(quote))
        return
    echo("YES. The log holds this, and nothing in it was altered.")
    echo("")
    for name, value in describe_quote(quote):
        # Lines of a value are indented, so none can pass for a line of this answer.
        lines = visible(value, lines=True).replace("\n", "\n" + " " * _WIDTH)
        echo(f"{visible(name):<{_WIDTH}}{lines}")
    echo("")
    echo("What this does not prove:")
    for limit in limits_of(quote):
        echo(f"- {visible(limit)}")


def _print_refusal(reason: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"valid": False, "reason": reason})
    else:
        echo(f"NO. {visible(reason)}")


def _document(quote: CheckedQuote) -> dict[str, Any]:
    checkpoint = quote.checkpoint
    return {
        "valid": True,
        "log": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "keys": [str(key) for key in quote.signers],
        "witnesses": None if quote.witnesses is None else [str(key) for key in quote.witnesses],
        "entry": quote.entry,
        "sections": quote.sections,
        "missing": quote.missing,
        "facts": [[name, value] for name, value in describe_quote(quote)],
        "not_proved": limits_of(quote),
    }


def _stop(message: str) -> NoReturn:
    error_console.print(visible(message), soft_wrap=True, markup=False)
    raise typer.Exit(USAGE)
