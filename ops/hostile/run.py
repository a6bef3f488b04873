"""100,000 hostile requests at a running service. Exits with 1 if a promise does not hold.

Starts `onrecord up` in an empty folder, records the seeds, and sends each kind of hostile request
in turn, while an honest client reads. Promised: no 5xx except 503 with `Retry-After`; the memory of
the API stays flat; the honest client is answered; reads of an earlier size answer as before, byte
for byte; a replay of the ledger equals its projections.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import httpx2
import psutil
from yarl import URL

sys.path.insert(0, str(Path(__file__).parents[2]))
import generated
import kinds
import raw
from kinds import HostileRequest, Kind

from onrecord.access.schemas import KeyIn
from onrecord.client import keys
from tests.support import bodies
from tests.support.bodies import POSITION, STATEMENT, position, statement
from tests.support.commands import User
from tests.support.supervised import run_supervised

SHARES: Final = {
    "generated": 5,
    "parameters": 25,
    "cursors": 20,
    "bodies": 20,
    "batches": 5,
    "random_bytes": 15,
    "huge_head": 5,
    "slow": 5,
}
"""Requests of each kind in a hundred."""
AT_ONCE: Final = {"slow": 500, "huge_head": 8}
KINDS: Final[dict[str, Kind]] = {
    "parameters": kinds.parameters,
    "cursors": kinds.cursors,
    "bodies": kinds.bodies,
    "batches": kinds.batches,
}
CONNECTIONS: Final = {
    "random_bytes": raw.random_bytes,
    "huge_head": raw.huge_head,
    "slow": raw.slow,
}
REFERENCES: Final = (
    "/v1/actors",
    "/v1/statements",
    "/v1/changes",
    "/v1/actors/biden/topics/talks-with-russia/position?as_of=2022-12-02",
)
FLAT: Final = 1.3
"""The memory of the API at the end, as a multiple of that after the first kind."""


@dataclass
class Outcome:
    """Statuses by kind, violations, and the waits of the honest client, in seconds."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)
    """MB of the API process after each kind."""

    def note(self, kind: str, request: object, status: int | None, retry_after: bool) -> None:
        counter = self.statuses.setdefault(kind, Counter())
        counter[str(status or "closed")] += 1
        if status and status >= 500 and not (status == 503 and retry_after):
            self.violations.append(f"{kind}: {status} for {request!r:.600}")


async def send_kind(outcome: Outcome, user: User, kind: str, count: int, seed: int) -> None:
    """Send `count` requests of a kind, several at once."""
    rng = random.Random(f"{seed} {kind}")
    at_once = AT_ONCE.get(kind, 16)
    jar = aiohttp.DummyCookieJar()
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{user.port}", headers=user.headers, cookie_jar=jar, timeout=timeout
    ) as session:
        requests = KINDS[kind](rng) if kind in KINDS else None

        async def send_share(number: int) -> None:
            for _ in range(count // at_once + (number < count % at_once)):
                if requests:
                    await send(outcome, session, kind, next(requests))
                else:
                    status = await CONNECTIONS[kind](rng, user.port)
                    outcome.note(kind, kind, status, retry_after=True)

        async with asyncio.TaskGroup() as group:
            for number in range(at_once):
                group.create_task(send_share(number))


async def send(
    outcome: Outcome, session: aiohttp.ClientSession, kind: str, request: HostileRequest
) -> None:
    headers = {"Content-Type": request.content_type}
    url = URL(request.path, encoded=True)
    status, retry_after = None, False
    with suppress(aiohttp.ClientError):
        async with session.request(
            request.method, url, data=request.body, headers=headers, allow_redirects=False
        ) as response:
            status, retry_after = response.status, "Retry-After" in response.headers
            await response.read()
    outcome.note(kind, request, status, retry_after)


async def read_honestly(outcome: Outcome, user: User, stopping: asyncio.Event) -> None:
    """Read a position ten times a second; anything but 200 or 503, or a wait of 30 s, is wrong.

    The key is the client's own, as that of the hostile requests reaches its rate limit.
    """
    address = f"http://127.0.0.1:{user.port}"
    with user.client() as admin:
        created = admin.send(keys.create_key(KeyIn(name="An honest client", scopes=("read",))))
    headers = {"Authorization": f"Bearer {created.token}"}
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        while not stopping.is_set():
            began = time.monotonic()
            try:
                response = await client.get(REFERENCES[-1])
                if response.status_code not in (200, 503):
                    outcome.violations.append(f"honest client: {response.status_code}")
            except httpx2.TransportError as error:
                outcome.violations.append(f"honest client: {error!r}")
            outcome.waits.append(time.monotonic() - began)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 0.1)


async def attack(outcome: Outcome, user: User, api: psutil.Process, count: int, seed: int) -> None:
    """Send all kinds in turn beside the honest client."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(read_honestly(outcome, user, stopping))
        for kind, share in SHARES.items():
            began, part = time.monotonic(), count * share // 100
            if kind == "generated":
                await asyncio.to_thread(generated.send_generated, user, part, seed, outcome.note)
            else:
                await send_kind(outcome, user, kind, part, seed)
            outcome.memory[kind] = api.memory_info().rss >> 20
            seconds = time.monotonic() - began
            print(f"{kind}: {part:,} in {seconds:.0f} s, API at {outcome.memory[kind]} MB")
            print(f"  {dict(sorted(outcome.statuses[kind].items()))}", flush=True)
        stopping.set()


def reference_answers(user: User, size: int) -> list[bytes]:
    """Reads at one size, which must never change."""
    paths = [f"{path}{'&' if '?' in path else '?'}known_size={size}" for path in REFERENCES]
    return [user.get(path).content for path in paths]


def main() -> int:
    """Run all kinds; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="requests in all")
    parser.add_argument("--seed", type=int, default=0, help="of the generated requests")
    options = parser.parse_args()
    outcome = Outcome()
    with run_supervised() as supervised:
        user = supervised.user
        size = import_seeds(user)
        record_targets(user)
        before = reference_answers(user, size)
        api = supervised.processes()["local_api"]
        asyncio.run(attack(outcome, user, api, options.count, options.seed))
        if before != reference_answers(user, size):
            outcome.violations.append("reads of an earlier size answer otherwise than before")
        if supervised.processes()["local_api"].pid != api.pid:
            outcome.violations.append("the API was restarted")
    memory = list(outcome.memory.values())
    if memory[-1] > FLAT * memory[0]:
        outcome.violations.append(f"the API grew from {memory[0]} to {memory[-1]} MB")
    waits = sorted(outcome.waits)
    print(f"honest client: {len(waits)} reads, longest wait {waits[-1]:.2f} s")
    print(*outcome.violations[:20], sep="\n")
    print(f"{len(outcome.violations)} violations")
    return 1 if outcome.violations else 0


def import_seeds(user: User) -> int:
    """Record the seeds; the size that holds them, once it can be read."""
    code, output = user.run("import", str(Path(__file__).parents[2] / "seeds"))
    assert code == 0, output
    size = len(user.get("/v1/events?limit=1000").json()["items"])
    assert user.get(f"/v1/actors?min_size={size}").status_code == 200
    return size


def record_targets(user: User) -> None:
    """The records that the bodies of `kinds` name, correct, retract and erase."""
    address = f"http://127.0.0.1:{user.port}"
    with httpx2.Client(base_url=address, headers=user.headers, timeout=30) as client:
        bodies.register_all(client)
        bodies.post(client, "/v1/statements", statement(id=STATEMENT))
        bodies.post(client, "/v1/positions", position(id=POSITION, basis=[STATEMENT]))


if __name__ == "__main__":
    sys.exit(main())
