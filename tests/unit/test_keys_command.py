"""What `onrecord keys` prints into a file or a pipe."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from onrecord.domain.scopes import ALL_SCOPES
from onrecord.entrypoints.cli import app
from onrecord.entrypoints.commands import keys


def test_a_list_that_is_no_terminal_breaks_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    row: dict[str, Any] = {
        "id": UUID(int=7),
        "name": "A desk with a name that is longer than a narrow terminal has columns for",
        "scopes": ALL_SCOPES,
        "created_at": datetime(2026, 11, 30, tzinfo=UTC),
        "last_used_at": None,
        "expires_at": None,
        "revoked_at": None,
    }
    monkeypatch.setattr(keys, "_run", lambda data, use: [row])
    lines = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["keys", "list"]).output.splitlines()
    assert len(lines) == 2
    assert row["name"] in lines[1]
    assert ", ".join(ALL_SCOPES) in lines[1]
