"""The supervisor of `onrecord up`: nothing that goes wrong at a restart ends it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onrecord.entrypoints.cli import app
from onrecord.entrypoints.supervisor import Supervisor


class Restarted(Exception):
    """Leaves `watch`, which otherwise has no end."""


def broken_console(_: str) -> None:
    raise SystemExit(1)  # as rich does where nobody reads our output


@pytest.mark.parametrize("echo", [print, broken_console])
def test_a_child_is_restarted_after_a_failed_start_and_without_a_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echo: Callable[[str], None]
) -> None:
    starts: list[str] = []

    def start(_: Supervisor, name: str) -> None:
        starts.append(name)
        if len(starts) > 1:
            raise Restarted
        raise OSError("no space left on device")

    monkeypatch.setattr(Supervisor, "start", start)
    supervisor = Supervisor("http://127.0.0.1:1", "a key", tmp_path, {}, "", None)
    supervisor.children["beat"] = subprocess.Popen([sys.executable, "-c", ""])
    supervisor.started_at["beat"] = float("-inf")
    with pytest.raises(Restarted):
        supervisor.watch(echo)
    assert ["beat", "beat"] == starts


def test_a_signer_that_refuses_is_reported_once_and_all_else_runs_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[str] = []
    lines: list[str] = []

    def start(_: Supervisor, name: str) -> None:
        starts.append(name)
        raise Restarted

    monkeypatch.setattr(Supervisor, "start", start)
    supervisor = Supervisor("http://127.0.0.1:1", "a key", tmp_path, {}, "", None)
    for name, code in (("signer", 3), ("beat", 1)):
        child = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])
        child.wait()
        supervisor.children[name] = child
        supervisor.started_at[name] = time.monotonic() - 10
    with pytest.raises(Restarted):
        supervisor.watch(lines.append)
    assert ["beat"] == starts
    assert f"The signer refuses to sign: {tmp_path}/signer.log says why. All else runs on" in lines


@pytest.mark.parametrize("command", ["up", "demo"])
def test_another_database_needs_the_key_of_secrets_from_the_settings(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRECORD_DATABASE_URL", "postgresql://nowhere/x")
    result = CliRunner().invoke(app, [command])
    assert 2 == result.exit_code
    assert "ONRECORD_SECRETS_KEY must be set; make a key with `openssl rand" in result.output


INTERRUPTED_WITHIN_EXEC = """
import os, signal, sys
from onrecord.entrypoints.supervisor import exit_on_signals
try:
    with exit_on_signals():
        exec("os.kill(os.getpid(), signal.SIGINT)")
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_while_a_module_is_imported_exits_with_130_too(tmp_path: Path) -> None:
    """Imports run `exec` for data classes, after which CPython would end itself by SIGINT."""
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_WITHIN_EXEC)
    command = [sys.executable, "-m", "interrupted"]  # as `onrecord` is run; with -c it differs
    done = subprocess.run(command, cwd=tmp_path, timeout=60, check=False)
    assert 130 == done.returncode
