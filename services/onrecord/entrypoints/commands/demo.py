"""What does a newcomer see in the first two minutes? `onrecord demo`.

Everything is started, the seeds go through the write door, and a tour shows the main job on them.
Each step of the tour checks what it shows; `held` is False if one did not hold.
"""

from dataclasses import dataclass
from typing import Any

import httpx2
from rich.console import Console
from rich.text import Text

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.demo_receiver import listener, subscribed
from onrecord.entrypoints.local import Up
from onrecord.entrypoints.replay_command import run_replay
from onrecord.entrypoints.show_command import ask, show_changes, show_position
from onrecord.importing.run import Tally, files, import_files
from onrecord.kit.settings import Settings
from onrecord.kit.sql.migrations import data_folder

ACTOR, TOPIC = "biden", "talks-with-putin"
LATE = "f877cd2b-eae2-5686-beeb-95f956e7c65a"
"""The statement of October, recorded after December's."""


class StepFailed(Exception):
    """A step of the tour did not show what it is there to show."""


@dataclass(frozen=True)
class Tour:
    """The tour over a running service."""

    settings: Settings
    running: Up
    console: Console

    def load_seeds(self) -> Tally:
        """Record the seeds through the write door; those recorded before stay as they are."""
        self._title("Recording the seeds: real statements, coded by the project, not endorsed")
        tally = import_files(
            files(data_folder("seeds")), address=self.running.address, console=self.console
        )
        self.console.print(f"{tally.new} lines are new, {tally.repeated} were on record already")
        _require(not tally.refused, f"{tally.refused} lines were refused")
        return tally

    def show(self, tally: Tally) -> None:
        """The main job: changes, one position on both clocks, the exact words."""
        size = max(size for _, size in tally.places.values())
        before_late, _ = tally.places[LATE]
        path = f"/v1/actors/{ACTOR}/topics/{TOPIC}/position"
        with httpx2.Client(base_url=self.running.address, timeout=30) as client:
            self._title("Whose position changed, on what, when and how")
            found = ask(client, "/v1/changes", limit=500, min_size=size)
            changed = [one for one in found["items"] if one["previous"]]
            show_changes(self.console, changed)
            _require(bool(changed), "no change of position is on record")

            self._title("One position: now")
            now = ask(client, path, min_size=size)
            show_position(self.console, now, words=False)
            _require(now["on_record"], "the position is not on record")

            self._title("The same position as of an earlier date")
            earlier = ask(client, path, as_of="2022-11-30", min_size=size)
            show_position(self.console, earlier, words=False)
            _require(earlier["stance"] != now["stance"], "it was the same on the earlier date")

            self._title("The same day, as known before October's statement was on record")
            then = ask(client, path, as_of="2022-12-01", known_size=before_late)
            show_position(self.console, then, words=False)
            _require(then["kind"] == "adopted", "October's statement was known too early")

            self._title("The same day, as known now: not the first position, but a change")
            later = ask(client, path, as_of="2022-12-01", min_size=size)
            show_position(self.console, later, words=True)
            _require(later["kind"] == "shifted", "October's statement is not counted")
            _require(_words(later), "the exact words are not shown")
            self.console.print(Text(later["cite"], style="dim"))

    def tell(self) -> None:
        """A webhook: an endpoint asks for changes of positions, and gets those on record."""
        self._title("A webhook: what changed is sent, signed, to a receiver of this demo")
        wanted = {"kinds": ["softened", "hardened", "shifted", "reversed"]}
        with (
            httpx2.Client(base_url=self.running.address, timeout=30) as client,
            listener() as there,
            subscribed(client, there.url, wanted) as endpoint,
        ):
            path = f"/v1/endpoints/{endpoint['id']}"
            asked = client.post(f"{path}/replay", json={"from_size": 0}).raise_for_status().json()
            _require(asked["events"] > 0, "no change is on record that the endpoint asks for")
            came = there.next(endpoint["secret"])
            _require(came is not None, "nothing came that bears our signature")
            assert came is not None
            change, said = came["data"]["change"], came["data"]["entry"]["data"]
            before = change["previous"]["stance"] if change["previous"] else "nothing"
            self.console.print(
                f"Signature verified. {came['type']}, seq {came['sequence']}: {said['actor']} on"
                f" {said['topic']}, from {before} to {said['stance']} ({change['kind']})"
            )

    def prove(self) -> None:
        """Replay the ledger, and compare."""
        self._title("Proof: every entry replayed from the first, compared with the projections")
        outcome = run_replay(self.settings, self.console)
        _require(outcome.equal, "the projections are not what the ledger says")

    def invite(self) -> None:
        """What to open next."""
        address = self.running.address
        self._title("Now it is yours")
        lines = {
            "open": f"{address}/        {address}/docs",
            "ask": f"curl '{address}/v1/actors/{ACTOR}/topics/{TOPIC}/position?as_of=2022-11-30'",
            "record": f"curl {address}/v1/topics -H 'Content-Type: application/json'"
            """ -d '{"id": "my-topic", "label": "My topic", "proposition": "Do it."}'""",
            "be told": f"curl {address}/v1/endpoints -H 'Content-Type: application/json'"
            f""" -d '{{"url": "https://hooks.example/", "actors": ["{ACTOR}"]}}'""",
            "logs": str(self.running.logs),
        }
        for what, line in lines.items():
            self.console.print(Text(f"  {what:7} {line}"), soft_wrap=True)

    def _title(self, text: str) -> None:
        self.console.print()
        self.console.rule(Text(text, style="bold"), align="left")


def _words(position: dict[str, Any]) -> bool:
    return any(one["content"].get("text") for one in position["statements"])


def _require(held: bool, otherwise: str) -> None:
    if not held:
        raise StepFailed(otherwise)


def tour(settings: Settings, running: Up, console: Console, *, empty: bool) -> bool:
    """Run the tour; answers whether every step held."""
    with infrastructure.database(settings, console.print) as filled:
        made = Tour(filled, running, console)
        try:
            if not empty:
                made.show(made.load_seeds())
                made.tell()
            made.prove()
        except StepFailed as error:
            console.print(Text(f"This step did not hold: {error}", style="red"))
            return False
        made.invite()
    return True
