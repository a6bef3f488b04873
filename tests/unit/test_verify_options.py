"""Options of `onrecord verify` that do not go with what is verified: refused, not ignored."""

import pytest
from typer.testing import CliRunner

from onrecord.entrypoints.cli import app


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quote.tlog-proof", "--strict"], "--strict and --state go with the address of a log"),
        (["quote.tlog-proof", "--state", "here"], "--strict and --state go with the address"),
        (["https://log.example", "--event", "event.json"], "--event goes with a file"),
    ],
)
def test_an_option_of_the_other_kind_is_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["verify", *arguments])
    assert (2, True) == (result.exit_code, message in " ".join(result.output.split()))
