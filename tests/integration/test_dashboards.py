"""Tests of the Grafana dashboard: every panel's SQL, in the role of dashboards."""

import re
import secrets
from typing import Any

import psycopg
import pytest
import yaml

from tests.support import grafana
from tests.support.sample_record import SampleRecord

SOURCES = "provisioning/datasources/onrecord.yaml"


def test_every_panel_of_a_dashboard_gives_rows(
    reader: psycopg.Connection[Any],
) -> None:
    """For all actors and topics, and for those that have most in the sample."""
    (dashboard,) = grafana.dashboards()
    everything = {name: of["allValue"] for name, of in grafana.variables(dashboard).items()}
    chosen = {"actor": "'biden'", "topic": "'talks-with-putin','talks'"}
    for values in (everything, chosen):
        for title, target in grafana.panel_queries(dashboard):
            found = reader.execute(
                grafana.interpolated(target["rawSql"], values).encode()
            ).fetchall()
            assert found, title
            if target["format"] == "time_series":  # a time, a name and a number
                assert ["datetime", "str", True] == [
                    *(type(value).__name__ for value in [*found[0].values()][:2]),
                    isinstance([*found[0].values()][2], int),
                ], title
                assert {"time", "metric"} < found[0].keys(), title
    for variable in grafana.variables(dashboard).values():
        assert {"__text", "__value"} == reader.execute(variable["query"]).fetchall()[0].keys()


def test_panels_and_provisioning_name_one_data_source() -> None:
    (dashboard,) = grafana.dashboards()
    source, _ = yaml.safe_load((grafana.FOLDER / SOURCES).read_text())["datasources"]
    variable = dashboard["templating"]["list"][0]
    assert (source["type"], source["uid"]) == (variable["query"], variable["current"]["value"])
    used = {
        (panel["datasource"]["type"], panel["datasource"]["uid"]) for panel in dashboard["panels"]
    }
    assert {(source["type"], "${datasource}")} == used
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_a_login_made_as_documented_reads_the_views_only(sample: SampleRecord) -> None:
    """And the other examples of the documentation run under it."""
    name = f"grafana_{secrets.token_hex(4)}"
    text = (grafana.FOLDER.parent / "docs" / "reporting.md").read_text()
    login, *examples = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    with psycopg.connect(sample.store.url, autocommit=True) as conn:
        conn.execute(re.sub(r"\bgrafana\b", name, login).encode())
        try:
            conn.execute(f"SET ROLE {name}".encode())
            for example in examples:
                conn.execute(grafana.interpolated(example, {}).encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("SELECT FROM ledger.entries")
        finally:
            conn.execute("RESET ROLE")
            conn.execute(f"DROP ROLE {name}".encode())
