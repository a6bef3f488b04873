"""`onrecord verify URL`: verification of a whole log, and its report."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from onrecord.client import Client
from onrecord.entrypoints.commands.options import (
    NO,
    api_key,
    console,
    error_console,
    print_json,
)
from onrecord.entrypoints.commands.trust_options import parse_log_keys, read_policy_file
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.settings import load_settings
from onrecord.kit.terminal import visible
from onrecord.verifying.download import LogReader
from onrecord.verifying.report import CHECKS, VerificationReport
from onrecord.verifying.run import verify_log
from onrecord.verifying.saved_state import open_state

SILENCE_SECONDS: Final = 60.0
"""Of connecting, and between two parts of an answer."""
MAX_SHOWN: Final = 20
"""Faults that are printed; `--json` has more."""


class StrictMissing(Exception):
    """The package `rfc8785` is not installed."""

    def __str__(self) -> str:
        return "--strict needs the package rfc8785: python -m pip install 'onrecord[strict]'"


def verify_url(
    url: str,
    keys: Sequence[str],
    *,
    policy: Path | None = None,
    strict: bool,
    as_json: bool,
    state: Path | None = None,
) -> None:
    """Verify a log and print the report. Exits with 1 if something is wrong."""
    tune_gc()
    verifiers, trusted = parse_log_keys(keys), read_policy_file(policy)
    canonicalize = _load_canonicalizer() if strict else None
    address = url.rstrip("/").removesuffix("/log")
    with (
        Client(address, api_key(load_settings(), address), timeout=SILENCE_SECONDS) as client,
        open_state(state or default_state_folder(), address) as saved,
        _progress() as progress,
    ):
        report = verify_log(
            LogReader(client),
            saved,
            verifiers,
            progress,
            policy=trusted,
            canonicalize=canonicalize,
        )
    if as_json:
        print_json(report.as_json())
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(NO)


def default_state_folder() -> Path:
    """Where checkpoints are saved: `$XDG_STATE_HOME/onrecord`, else `~/.local/state/onrecord`."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "onrecord"


def _load_canonicalizer() -> Callable[[Any], bytes]:
    try:
        import rfc8785  # an extra: only --strict needs it
    except ImportError:
        raise StrictMissing from None
    return rfc8785.dumps


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    columns = (
        *(TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[rate]}"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=error_console) as progress:
        tasks: dict[str, Any] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total, rate="")
            speed = progress.tasks[tasks[what]].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            progress.update(tasks[what], completed=done, total=total, rate=rate)

        yield update


def _print_report(report: VerificationReport) -> None:
    if report.size is not None:
        head = f"{report.origin}: {report.size} entries, root {report.root}"
        _print(head, "bold")
        for vkey in report.keys:
            _print(f"signed by {vkey}")
        for vkey in report.cosigners:
            _print(f"cosigned by {vkey:.120}")  # a key of ML-DSA has 1,700 characters
    for check, statement in CHECKS.items():
        if report.fails(check):
            _print(f"failed    {check}: not true that {statement}", "red")
        elif check in report.finished:
            first = check == "consistency" and report.saved_size is None
            _print(f"passed    {check}: " + ("there was none to compare" if first else statement))
        elif check in report.not_asked:
            _print(f"not asked {check}: a --policy asks for it", "yellow")
        else:
            _print(f"not done  {check}", "yellow")
    if bad := report.first_bad_entry:
        _print(f"First bad entry: {bad.seq}. {bad.message}", "red")
    faults = report.in_order
    for fault in faults[:MAX_SHOWN]:
        _print(f"{fault.check}: {fault}", "red")
    if len(faults) > MAX_SHOWN:
        _print(f"and {len(faults) - MAX_SHOWN} more; --json lists them", "red")
    for notice in report.notices:
        _print(notice, "yellow")


def _print(line: str, style: str = "") -> None:
    console.print(Text(visible(line), style=style), soft_wrap=True)
