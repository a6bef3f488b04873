"""Dashboards in `ops/grafana/`, and their SQL as Grafana sends it.

Macros and variables are replaced as Grafana documents it for PostgreSQL: a `$__timeFilter(column)`
by a BETWEEN of two instants, a `${name:sqlstring}` by quoted values, and a variable's own value for
"All" as it stands.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "ops" / "grafana"
TIME_RANGE: Final = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")


def dashboards() -> Iterator[dict[str, Any]]:
    for path in sorted((FOLDER / "dashboards").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def panel_queries(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The title of each panel with each of its queries."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target


def variables(dashboard: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The variables whose values come from queries."""
    listed = dashboard["templating"]["list"]
    return {variable["name"]: variable for variable in listed if variable["type"] == "query"}


def interpolated(sql: str, values: Mapping[str, str]) -> str:
    """A query with its time range, and with variables in the form of `sqlstring`."""
    between = r"\1 BETWEEN '{}' AND '{}'".format(*TIME_RANGE)
    sql = re.sub(r"\$__timeFilter\((\w+)\)", between, sql)
    sql = re.sub(r"\$\{(\w+):sqlstring\}", lambda match: values[match[1]], sql)
    assert "$" not in sql, f"Grafana would not send this: {sql}"
    return sql
