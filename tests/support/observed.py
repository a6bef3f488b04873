"""What an operator sees of a deployment: log lines, metrics, and the names that rules look for."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from tests.support.commands import User

OPS: Final = Path(__file__).parents[2] / "ops"
RULES: Final = OPS / "prometheus" / "rules.yml"
DASHBOARD: Final = OPS / "grafana" / "operations" / "onrecord-operations.json"
METRICS_PORTS: Final = 5
"""Processes of `onrecord up` with a port of their own: two workers, deliverer, beat, signer."""


def log_lines(user: User) -> list[dict[str, Any]]:
    """The lines of all processes of an `onrecord up`. Fails where one is no JSON object."""
    lines = []
    for file in sorted((user.folder / ".onrecord" / "logs").glob("*.log")):
        for line in file.read_text().splitlines():
            assert line.startswith("{"), f"{file.name}: {line}"
            lines.append({"file": file.stem, **json.loads(line)})
    return lines


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The panels of the operations dashboard that show something."""
    dashboard = json.loads(DASHBOARD.read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queried_metrics() -> set[str]:
    """The metrics that alerts and panels ask for."""
    queries = [rule["expr"] for rule in rules()]
    queries += [target["expr"] for panel in panels() for target in panel["targets"]]
    return set(re.findall(r"\b(?:onrecord|process)_[a-z_]+", " ".join(queries)))


def metrics_of(user: User) -> set[str]:
    """The names of all metrics that the processes of an `onrecord up` serve."""
    base = int(user.settings["ONRECORD_METRICS_PORT"])
    ports = range(base, base + METRICS_PORTS)
    addresses = [f"http://127.0.0.1:{port}/metrics" for port in ports]
    pages = [user.get("/metrics").text, *(httpx2.get(url, timeout=30).text for url in addresses)]
    return {name for page in pages for name in _names(page.splitlines())}


def _names(lines: Iterable[str]) -> set[str]:
    return {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
