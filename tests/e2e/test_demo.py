"""Does the demo keep its word, also from the wheel alone, and the second time?"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onrecord.entrypoints.cli import app
from tests.support.commands import User, user

ROOT = Path(__file__).parents[2]


@pytest.fixture
def somebody() -> Iterator[User]:
    with user() as made:
        yield made


def test_the_demo_shows_the_main_job_and_finds_its_data_the_second_time(somebody: User) -> None:
    code, first = somebody.run("demo", "--exit")
    assert code == 0, first
    for shown in (
        "Signature verified",
        "reversed",
        "shifted",
        "adopted",
        "way to end the war",
        "[109:200]",
    ):
        assert shown in first
    assert "37 lines are new, 0 were on record already" in first
    code, second = somebody.run("demo", "--exit")
    assert code == 0, second
    assert "0 lines are new, 37 were on record already" in second
    assert digest(first) == digest(second)


def digest(printed: str) -> str:
    return printed.split("Digest")[1].split()[0]


def test_an_empty_demo_starts_without_the_seeds(somebody: User) -> None:
    code, printed = somebody.run("demo", "--exit", "--empty")
    assert code == 0, printed
    assert "Replayed 0 entries" in printed


def test_the_demo_runs_from_the_wheel_alone(somebody: User, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--target", str(somebody.folder / "site"), str(wheel)),
        ],
        check=True,
        capture_output=True,
    )
    somebody.path = str(somebody.folder / "site")
    where = subprocess.run(
        [sys.executable, "-c", "import onrecord; print(onrecord.__file__)"],
        cwd=somebody.folder,
        env=somebody.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(somebody.path)
    code, printed = somebody.run("demo", "--exit")
    assert code == 0, printed


COMMANDS = ["up", "demo", "import", "show", "replay", "rebuild", "migrate", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"onrecord {command}" in shown.output.split("Example: ")[1]
