"""Tour of `onrecord demo`: the main job of the service, shown on the seeds.

Each step checks what it shows and raises `StepFailed` if the check fails.
"""

from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.text import Text

from onrecord.client import Client, endpoints, reads
from onrecord.client.parameters import AsOf, ChangeSearch
from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.demo_receiver import DemoReceiver, demo_endpoint
from onrecord.entrypoints.commands.replay import print_replay, run_replay
from onrecord.entrypoints.commands.show import fetch_answer, print_changes, print_position
from onrecord.entrypoints.supervisor import Supervisor
from onrecord.importing.client import open_client
from onrecord.importing.files import find_files
from onrecord.importing.report import ImportSummary
from onrecord.importing.run import import_files
from onrecord.kit.settings import Settings
from onrecord.kit.sql.migrations import data_folder
from onrecord.kit.terminal import visible
from onrecord.query.answers.position_schemas import PositionOut
from onrecord.webhooks.api.requests import EndpointIn, ReplayIn

ACTOR, TOPIC = "biden", "talks-with-putin"
LATE_STATEMENT: Final = "f877cd2b-eae2-5686-beeb-95f956e7c65a"
"""The statement of October, which the seeds record after December's."""


class StepFailed(Exception):
    """A check of the tour failed."""


@dataclass(frozen=True)
class Tour:
    """The steps, over a running service."""

    settings: Settings
    supervisor: Supervisor
    console: Console

    def load_seeds(self) -> ImportSummary:
        """Import the seeds; lines that are on record stay as they are."""
        self._title("Recording the seeds: real statements, coded by the project, not endorsed")
        summary = import_files(
            find_files(data_folder("seeds")),
            address=self.supervisor.address,
            key=self.supervisor.key,
            console=self.console,
        )
        self.console.print(
            f"{summary.new} lines are new, {summary.repeated} were on record already"
        )
        _require(not summary.refused, f"{summary.refused} lines were refused")
        return summary

    def show_positions(self, seeds: ImportSummary) -> None:
        """Changes, a position on both clocks, and the exact words."""
        size = max(size for _, size in seeds.places.values())
        size_before_late_statement, _ = seeds.places[LATE_STATEMENT]
        with self._client() as client:
            self._title("Whose position changed, on what, when and how")
            search = ChangeSearch(limit=500, min_size=size)
            steps = fetch_answer(client, reads.list_changes(search)).items
            changes = [step for step in steps if step.previous]
            print_changes(self.console, changes)
            _require(bool(changes), "no change of position is on record")

            self._title("One position: now")
            now = _position(client, AsOf(min_size=size))
            print_position(self.console, now, with_statements=False)
            _require(now.on_record, "the position is not on record")

            self._title("The same position as of an earlier date")
            earlier = _position(client, AsOf(as_of="2022-11-30", min_size=size))
            print_position(self.console, earlier, with_statements=False)
            _require(earlier.stance != now.stance, "it was the same on the earlier date")

            self._title("The same day, as known before October's statement was on record")
            then = _position(
                client, AsOf(as_of="2022-12-01", known_size=size_before_late_statement)
            )
            print_position(self.console, then, with_statements=False)
            _require(then.kind == "adopted", "October's statement was known too early")

            self._title("The same day, as known now: not the first position, but a change")
            later = _position(client, AsOf(as_of="2022-12-01", min_size=size))
            print_position(self.console, later, with_statements=True)
            _require(later.kind == "shifted", "October's statement is not counted")
            _require(_has_text(later), "the exact words are not shown")
            self.console.print(Text(visible(later.cite), style="dim"))

    def show_webhook(self, receiver: DemoReceiver) -> None:
        """An endpoint for changes of positions, and a replay of those on record to it."""
        self._title("A webhook: what changed is sent, signed, to a receiver of this demo")
        kinds: Final = ("softened", "hardened", "shifted", "reversed")
        wanted = EndpointIn(url=receiver.url, kinds=kinds)
        with self._client() as client, demo_endpoint(client, wanted) as endpoint:
            replay = endpoints.replay_events(endpoint.id, ReplayIn(from_size=0))
            events = client.send(replay).events
            _require(events > 0, "no change that matches the endpoint is on record")
            event = receiver.next_event(endpoint.secret)
            _require(event is not None, "no delivery with a valid signature arrived")
            assert event
            change = event.data
            assert change.actor
            assert change.topic
            text = (
                f"Signature verified. {event.type}, seq {event.sequence}: {change.actor.id}"
                f" on {change.topic.id}, from {change.previous_stance or 'nothing'}"
                f" to {change.stance} ({change.kind})"
            )
            self.console.print(visible(text))

    def show_replay(self) -> None:
        """A replay of the ledger, compared with the projections."""
        self._title("A replay: every entry folded again, compared with the projections")
        outcome = run_replay(self.settings, self.console)
        print_replay(outcome, self.console)
        _require(outcome.equal, "the projections are not what the ledger says")

    def _client(self) -> Client:
        return open_client(self.supervisor.address, self.supervisor.key, timeout=30)

    def _title(self, text: str) -> None:
        _print_title(self.console, text)


def _position(client: Client, at: AsOf) -> PositionOut:
    return fetch_answer(client, reads.get_position(ACTOR, TOPIC, at))


def run_tour(
    settings: Settings, supervisor: Supervisor, console: Console, receiver: DemoReceiver | None
) -> bool:
    """Run all steps, or without a receiver only the last two; whether every check passed."""
    with infrastructure.open_database(settings, console.print) as filled:
        tour = Tour(filled, supervisor, console)
        try:
            if receiver:
                tour.show_positions(tour.load_seeds())
                tour.show_webhook(receiver)
            tour.show_replay()
        except StepFailed as error:
            console.print(Text(f"This step failed: {error}", style="red"))
            return False
    return True


def show_next_steps(settings: Settings, supervisor: Supervisor, console: Console) -> None:
    """Addresses and commands to try next."""
    address, bearer = supervisor.address, '-H "Authorization: Bearer $ONRECORD_KEY"'
    _print_title(console, "Next steps")
    position = reads.get_position(ACTOR, TOPIC).path
    lines = {
        "page": f"{address}/actors/{ACTOR}/topics/{TOPIC}",
        "API": f"{address}/docs",
        "query": f"curl '{address}{position}?as_of=2022-11-30'",
        "key": f"export ONRECORD_KEY=$(cat '{settings.key_file}')",
        "record": f"curl {address}/v1/topics {bearer} -H 'Content-Type: application/json'"
        """ -d '{"id": "my-topic", "label": "My topic", "proposition": "Do it."}'""",
        "webhook": f"curl {address}/v1/endpoints {bearer} -H 'Content-Type: application/json'"
        f""" -d '{{"url": "https://hooks.example/", "actors": ["{ACTOR}"]}}'""",
        "logs": str(supervisor.logs),
    }
    for action, line in lines.items():
        console.print(Text(f"  {action:7} {line}"), soft_wrap=True)


def _print_title(console: Console, text: str) -> None:
    console.print()
    console.rule(Text(text, style="bold"), align="left")


def _has_text(position: PositionOut) -> bool:
    return any(statement.content.text for statement in position.statements)


def _require(passed: bool, otherwise: str) -> None:
    if not passed:
        raise StepFailed(otherwise)
