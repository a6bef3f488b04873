"""Fixtures of more than one file here."""

import pytest

from onrecord.ledger import committer
from tests.support import committing
from tests.support.record import Record


@pytest.fixture(params=["it asks", "it supposes"])
def either_way(
    on_record: Record, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Record:
    """A record of Ann and of talks, in one commit. A committer begins as one that must ask what is
    on record, or as one that wrote that commit itself.
    """
    committing.stage(on_record)
    if request.param == "it supposes":
        monkeypatch.setattr(committer, "Memory", lambda: committing.acquainted(on_record.url))
    return on_record
