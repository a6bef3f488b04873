"""Checks of alerts and of the operations dashboard, without a deployment (`e2e/test_up.py`)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.observed import OPS, RULES, panels, rules

PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is in Debian's package prometheus")
def test_the_rules_are_valid_for_prometheus() -> None:
    assert PROMTOOL
    command = [PROMTOOL, "check", "rules", str(RULES)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_severity_and_a_section_of_a_runbook() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        file, _, section = rule["annotations"]["runbook"].partition("#")
        text = (OPS.parent / file).read_text()
        sections = {title.lower() for title in re.findall(r"^## (.+)$", text, re.MULTILINE)}
        assert not section or section in sections, rule["alert"]


def test_panels_have_a_title_of_their_own_and_the_data_source_of_the_dashboard() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(titles) == len(set(titles))
    sources = {(p["datasource"]["type"], p["datasource"]["uid"]) for p in panels()}
    assert {("prometheus", "${datasource}")} == sources


def test_the_data_source_of_the_operations_dashboard_is_provisioned() -> None:
    folder: Path = OPS / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "onrecord.yaml").read_text())["datasources"]
    assert "prometheus" in {source["uid"] for source in sources}
    providers = yaml.safe_load((folder / "dashboards" / "onrecord.yaml").read_text())["providers"]
    assert "/etc/grafana/dashboards/operations" in {p["options"]["path"] for p in providers}
