"""`onrecord verify --policy`: witnesses of a reader's own list must have cosigned."""

import json
from pathlib import Path

from typer.testing import CliRunner

from onrecord.entrypoints.cli import app
from tests.support.ledgers import seed_ledger
from tests.support.published_log import LOG_KEY, command
from tests.support.signed_ledgers import sign_ledger
from tests.support.signing import cosign
from tests.support.store import Store, run_api
from tests.support.witness_keys import ed25519_witness, ml_dsa_witness

ED, ML = ed25519_witness(), ml_dsa_witness()
WITNESSES = f"witness ed {ED.verifier}\nwitness ml {ML.verifier}\ngroup both all ed ml\n"
LACKING = "the quorum both is not met: witness.example/ed25519 cosigned"


def test_a_log_and_a_quote_are_verified_by_the_readers_own_witnesses(
    store: Store, tmp_path: Path
) -> None:
    seed_ledger(store)
    store.catch_up()
    signed = sign_ledger(store.url, tmp_path, LOG_KEY)
    assert signed
    cosign(store, ED, signed.size)
    met, unmet, of_log = (tmp_path / name for name in ("met", "unmet", "of-log"))
    met.write_text(f"log {LOG_KEY.verifier}\n{WITNESSES}quorum ed\n")
    unmet.write_text(f"log {LOG_KEY.verifier}\n{WITNESSES}quorum both\n")
    of_log.write_text(f"{WITNESSES}quorum ed\n")
    with run_api(store.url, log_policy=of_log) as client:
        checked = command(client, tmp_path, "--policy", str(met), "--json")
        report = json.loads(checked.stdout)
        assert (0, "passed", "given") == (
            checked.exit_code,
            report["checks"]["witnesses"],
            report["policy_source"],
        )
        assert [str(ED.verifier)] == report["cosigners"]
        refused = command(client, tmp_path, "--policy", str(unmet))
        assert (1, True) == (refused.exit_code, LACKING in refused.stdout), refused.stdout
        assert "passed    positions" in refused.stdout
        without = command(client, tmp_path, "--key", str(LOG_KEY.verifier))
        assert (0, True) == (without.exit_code, "not asked witnesses" in without.stdout)
        assert "the list of witnesses that the log itself serves" in without.stdout
        (statement,) = (event for event in store.events() if event.event.type == "statement.made")
        quote = tmp_path / "quote.tlog-proof"
        quote.write_text(client.get(f"/v1/statements/{statement.id}/proof").text)
    arguments = ["verify", str(quote), "--policy"]
    proved = CliRunner().invoke(app, [*arguments, str(met)])
    assert (0, True) == (proved.exit_code, f"Cosigned with   {ED.verifier}" in proved.stdout)
    assert "were not checked" not in proved.stdout
    unproved = CliRunner().invoke(app, [*arguments, str(unmet)])
    assert (1, True) == (unproved.exit_code, LACKING in unproved.stdout)
