"""The command `onrecord verify FILE`: what it prints, and its exit codes."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from onrecord.domain.events import StatementMade
from onrecord.entrypoints.cli import app
from onrecord.kit.tlog.keys import KeyType, SigningKey, VerifierKey
from tests.support.bodies import FULL_STATEMENT
from tests.support.proofs import (
    INDEX,
    KEY,
    ORIGIN,
    OTHER_KEY,
    QUOTE,
    change_date,
    change_word,
    changed,
    file_of,
    proof_text,
    quote_of,
)


def run(folder: Path, text: str | bytes, *options: str) -> tuple[int, str]:
    """Exit code and output of `onrecord verify` on a file."""
    path = folder / "statement.tlog-proof"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["verify", str(path), *options])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.output


def test_the_command_says_yes_or_no_by_its_exit_code(tmp_path: Path) -> None:
    key = ("--key", str(KEY.verifier))
    status, output = run(tmp_path, file_of(), *key)
    assert (0, "YES.") == (status, output[:4])
    assert "“We are ready to talk.” (en)" in output
    assert "What this does not prove:\n- That what was said is true" in output
    status, output = run(tmp_path, changed(change_word), *key)
    assert (1, "NO. A part (content)") == (status, output[:20])
    assert 1 == run(tmp_path, b"\xff", *key)[0]
    assert 0 == run(tmp_path, file_of(), "--key", str(OTHER_KEY.verifier), *key)[0]


def test_wrong_usage_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    assert 2 == run(tmp_path, file_of())[0]
    assert 2 == run(tmp_path, file_of(), "--key", "record.example.org")[0]
    witness = VerifierKey(ORIGIN, KeyType.COSIGNATURE_ED25519, KEY.verifier.public)
    assert 2 == run(tmp_path, file_of(), "--key", str(witness))[0]
    policy = tmp_path / "policy"
    for text in ("quorum none\n", "quorum nobody\n"):  # without a log, and no policy at all
        policy.write_text(text)
        assert 2 == run(tmp_path, file_of(), "--policy", str(policy))[0]
    assert 2 == run(tmp_path, file_of(), "--policy", str(tmp_path / "nowhere"))[0]
    status, output = run(tmp_path, file_of(extra=False), "--key", str(KEY.verifier))
    assert (2, True) == (status, "--event" in output)
    missing = CliRunner().invoke(app, ["verify", "nowhere", "--key", str(KEY.verifier)])
    assert 2 == missing.exit_code


def test_the_command_prints_json(tmp_path: Path) -> None:
    key = ("--json", "--key", str(KEY.verifier))
    document: dict[str, Any] = json.loads(run(tmp_path, file_of(), *key)[1])
    assert (True, QUOTE.entry) == (document["valid"], document["entry"])
    assert document["sections"]["content"] == QUOTE.payload["content"]["value"]
    assert ["Said at", "2022-11-30 (stated)"] in document["facts"]
    refused = json.loads(run(tmp_path, changed(change_date), *key)[1])
    assert (False, True) == (refused["valid"], "not entry 4" in refused["reason"])


def test_control_characters_of_the_record_do_not_reach_the_terminal(tmp_path: Path) -> None:
    words = "\x1b[2J\u202eno\nRecorded        never"
    content = {**FULL_STATEMENT["content"], "text": words}
    statement = StatementMade.model_validate({**FULL_STATEMENT, "content": content})
    quote = quote_of(statement, INDEX)
    _, output = run(tmp_path, file_of(quote), "--key", str(KEY.verifier))
    assert "\\x1b[2J\\u202eno\n" in output
    assert not {"\x1b", "\u202e"} & {*output}
    recorded = [line for line in output.splitlines() if line.startswith("Recorded")]
    assert 1 == len(recorded)
    name = "\x1b[31m.example/log"
    text = proof_text([b"one"], 0, SigningKey(name.replace("\x1b", "\u202e"), KEY.private), "{}")
    assert "\u202e" not in run(tmp_path, text, "--key", str(KEY.verifier))[1]
