"""`onrecord demo`: its tour, from a checkout and from the wheel; and `--help` of each command."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onrecord.client import ProblemError, endpoints
from onrecord.entrypoints.cli import app
from onrecord.webhooks.api.requests import EndpointIn
from tests.support.commands import User, all_gone, tree, user
from tests.support.processes import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def new_user() -> Iterator[User]:
    with user() as in_empty_folder:
        yield in_empty_folder


@pytest.fixture(scope="module")
def wheel_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A user whose program comes from the wheel, not from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with user() as in_empty_folder:
        in_empty_folder.path = str(in_empty_folder.folder / "site")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
                *("--target", in_empty_folder.path, str(wheel)),
            ],
            check=True,
            capture_output=True,
        )
        yield in_empty_folder


def test_program_of_the_wheel_is_not_that_of_the_checkout(wheel_user: User) -> None:
    imported = subprocess.run(
        [sys.executable, "-c", "import onrecord; print(onrecord.__file__)"],
        cwd=wheel_user.folder,
        env=wheel_user.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert wheel_user.path
    assert imported.stdout.startswith(wheel_user.path)


def test_demo_shows_the_main_job_and_keeps_its_data_for_the_second_run(wheel_user: User) -> None:
    code, first = wheel_user.run("demo", "--exit")
    assert code == 0, first
    for text in (
        "Signature verified",
        "reversed",
        "shifted",
        "adopted",
        "way to end the war",
        "[109:200]",
    ):
        assert text in first
    assert "37 lines are new, 0 were on record already" in first
    page = first.rstrip().splitlines()[-1]
    assert page.startswith("http://127.0.0.1:")
    assert first.index(f"Open {page} in a browser") < first.index("Recording the seeds")
    code, second = wheel_user.run("demo", "--exit")
    assert code == 0, second
    assert "0 lines are new, 37 were on record already" in second
    assert digest(first) == digest(second)


def digest(output: str) -> str:
    return output.split("Digest")[1].split()[0]


def test_empty_demo_starts_without_the_seeds(new_user: User) -> None:
    code, output = new_user.run("demo", "--exit", "--empty")
    assert code == 0, output
    assert "Replayed 1 entries" in output


COMMANDS = [
    *("up", "demo", "import", "export", "show", "replay", "rebuild", "migrate", "doctor", "digest"),
    *("keys create", "keys list", "keys revoke"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"onrecord {command}" in result.output.split("Example: ")[1]


def test_the_list_of_commands_has_a_whole_sentence_of_each() -> None:
    listed = CliRunner().invoke(app, ["--help"], terminal_width=80).output
    assert "..." not in listed.partition("Commands:")[2]


@dataclass
class RunningDemo:
    """A demo that goes on after its tour, and its lines so far."""

    user: User
    process: "subprocess.Popen[str]"

    def read_until(self, text: str) -> None:
        assert self.process.stdout
        while text not in (line := self.process.stdout.readline()):
            assert line, "the demo ended"

    def allowed(self) -> dict[str, str]:
        """The networks to which each process may send webhooks."""
        return {
            child.cmdline()[-1].rpartition(".")[2]: child.environ()["ONRECORD_EGRESS_ALLOW"]
            for child in tree(self.process)
            if "onrecord.entrypoints" in child.cmdline()[-1]
        }

    def assert_endpoint_refused(self, port: int) -> None:
        """Assert that no endpoint may be at this port of the machine."""
        endpoint = EndpointIn(url=f"http://127.0.0.1:{port}/")
        with self.user.client() as client, pytest.raises(ProblemError, match=r"^422 "):
            client.send(endpoints.create_endpoint(endpoint))


@pytest.fixture
def demo(new_user: User) -> Iterator[RunningDemo]:
    process = new_user.start("demo")
    yield RunningDemo(new_user, process)
    process.terminate()
    process.communicate(timeout=120)


def test_the_demo_may_send_to_its_own_receiver_only_and_only_during_its_tour(
    demo: RunningDemo,
) -> None:
    demo.read_until("Recording the seeds")
    during = demo.allowed()
    (network,) = set(during.values())
    host, _, port = network.rpartition(":")
    assert "127.0.0.1/32" == host
    demo.assert_endpoint_refused(demo.user.port)
    demo.read_until("Running until Ctrl-C")
    after = demo.allowed()
    assert {"local_api": "", "deliverer": ""} == {
        name: after[name] for name in ("local_api", "deliverer")
    }
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))
    for refused in (int(port), demo.user.port):
        demo.assert_endpoint_refused(refused)
    with demo.user.client() as client:
        assert [] == [*client.items(endpoints.list_endpoints())]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_a_demo_that_is_ended_in_its_tour_leaves_no_process_that_may_send(
    demo: RunningDemo, signum: signal.Signals
) -> None:
    demo.read_until("Whose position changed")
    everything = tree(demo.process)
    demo.process.send_signal(signum)
    until(lambda: all_gone(everything), "all processes are gone", seconds=30)
