"""Fixtures of more than one file here."""

import pytest

from onrecord.ledger import committer
from tests.support import committing
from tests.support.store import Store


@pytest.fixture(params=["it asks", "it supposes"])
def either_way(
    store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """A record of Ann and of talks, in one commit. A committer begins as one that must ask what is
    on record, or as one that wrote that commit itself.
    """
    committing.stage(store)
    if request.param == "it supposes":
        monkeypatch.setattr(committer, "Memory", lambda: committing.acquainted(store.url))
    return store
