"""How does what is due get to its receivers?

One event loop in a thread of the deliverer's process, with one long-lived `Sender`: it records what
came of attempts, claims what is due, renders it and sends it, again and again, and sleeps until
somebody wakes it or a retry is due. No transaction is open while anything is sent. Killed at any
moment, it leaves leases that run out; then another claim sends the same under the same id.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from onrecord.domain.ids import new_id
from onrecord.kit.sql.db import compiled
from onrecord.webhooks import payload
from onrecord.webhooks.delivery import claim, health, results
from onrecord.webhooks.delivery.backoff import next_attempt
from onrecord.webhooks.delivery.claim import Claimed, Connection
from onrecord.webhooks.delivery.clock_skew import Clock
from onrecord.webhooks.delivery.results import Result
from onrecord.webhooks.http.egress import Network
from onrecord.webhooks.http.sender import Outcome, Sender
from onrecord.webhooks.http.signing import signed
from onrecord.webhooks.tables import PING

log = structlog.get_logger()

QUICK: Final = 256
SLOW: Final = 64
"""Deliveries in flight in this process: first attempts, and those of `Claimed.slow`. Apart, so that
receivers that hang never take the room of those that are well."""
TIMEOUT: Final = 15.0
LEASE: Final = timedelta(seconds=TIMEOUT + 15)
POLL: Final = 1.0
"""Seconds after which it looks without being woken."""
PACE: Final = 0.004
"""Seconds between two claims while much is in flight, so that each is of many."""
AWAY: Final = 0.5
"""Seconds until the database is tried again."""


class Deliverer:
    """Delivers from `start` until `stop`, in a thread of its own. `on_failure`: called if that ends
    before it is asked to, which nothing but a fault of ours can bring about.
    """

    def __init__(
        self, conninfo: str, allow: Sequence[Network], on_failure: Callable[[], None]
    ) -> None:
        self._conninfo, self._allow, self._on_failure = conninfo, allow, on_failure
        self._thread = threading.Thread(target=self._run, name="deliverer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock = Clock()
        self._over = False
        self._id = new_id()
        """Of this start, in the tallies."""

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something may be due. Never waits; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it is over
                self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self, grace: float = 3.0) -> None:
        """Claim nothing more, give what is in flight so many seconds, and end."""
        self._over = True
        self._grace = grace
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        try:
            # asyncio's own loop: uvloop reads past the socket, and so past what `dialling` bounds
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._deliver())
        except BaseException:
            log.exception("nothing is delivered any more")
            self._on_failure()
            raise

    async def _deliver(self) -> None:
        self._woken = asyncio.Event()
        self._results: list[Result] = []
        self._flying: dict[asyncio.Task[None], bool] = {}
        """Whether each is slow."""
        self._after = claim.NOBODY
        self._loop = asyncio.get_running_loop()
        async with Sender(self._allow, timeout=TIMEOUT) as sender:
            while not self._over:
                try:
                    async with await psycopg.AsyncConnection.connect(
                        self._conninfo, autocommit=True
                    ) as conn:
                        await self._work(conn, sender)
                        await self._finish(conn)
                except psycopg.OperationalError as error:
                    log.warning("the database is away", reason=type(error).__name__)
                    await asyncio.sleep(AWAY)
                except Exception:
                    log.exception("delivering goes on in a moment")
                    await asyncio.sleep(AWAY)

    async def _work(self, conn: Connection, sender: Sender) -> None:
        clock = asyncio.get_running_loop().time
        taken_back = 0.0
        while not self._over:
            self._woken.clear()
            began = clock()
            await self._record(conn)
            if began - taken_back >= POLL:
                await self._clock.look(conn, LEASE)
                await results.take_back(conn, self._id)
                taken_back = began
            found = await self._claim(conn, sender)
            if found is None:
                await self._woken_within(POLL)
            elif found.whole:  # what can be due from here on wakes us: a landing, a bell, its time
                await self._woken_within(min(POLL, found.seconds or POLL))
            if self._flying:
                await asyncio.sleep(max(0.0, PACE - (clock() - began)))

    async def _woken_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _record(self, conn: Connection) -> None:
        """Keep what came back since; it stays with us until it is kept."""
        if not (told := self._results[:]):
            return
        await health.note(conn, told)
        try:
            await results.record(conn, self._id, told)
        except psycopg.DataError:  # one that cannot be written must not keep the others from it
            log.exception("what came of an attempt cannot be kept", results=len(told))
            for one in told:
                with suppress(psycopg.DataError):
                    await results.record(conn, self._id, [one])
        del self._results[: len(told)]

    async def _claim(self, conn: Connection, sender: Sender) -> claim.Claim | None:
        slow = sum(self._flying.values())
        room = {"quick": max(0, QUICK - (len(self._flying) - slow)), "slow": max(0, SLOW - slow)}
        if not any(room.values()):
            return None
        found = await claim.claim(conn, self._after, **room, lease=LEASE)
        self._after = found.last
        bodies = await _bodies(conn, found.deliveries)
        for one in found.deliveries:
            task = asyncio.create_task(self._send(sender, one, bodies.get(one.event)))
            self._flying[task] = one.slow
            task.add_done_callback(self._landed)
        return found

    def _landed(self, task: asyncio.Task[None]) -> None:
        del self._flying[task]
        self._woken.set()

    async def _send(self, sender: Sender, claimed: Claimed, body: bytes | None) -> None:
        if body is None:
            self._results.append(result(claimed, _UNTELLABLE))
            return
        now = datetime.now(UTC)
        headers = signed(claimed.secrets, id=str(claimed.event), at=now, body=body)
        headers["Content-Type"] = payload.MEDIA_TYPE
        outcome = await sender.post(claimed.url, headers=headers, body=body)
        self._results.append(result(claimed, outcome))

    async def _finish(self, conn: Connection) -> None:
        """What is in flight may land and be recorded; the rest is sent again by whoever is next."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=self._grace)
        await self._record(conn)
        for task in list(self._flying):
            task.cancel()


def result(claimed: Claimed, outcome: Outcome) -> Result:
    """What an outcome means for a delivery: done, tried again and when, or given up."""
    now = datetime.now(UTC)
    again, keep, pause, quiet = None, False, None, None
    if not outcome.ok and claimed.lane != PING:
        at = next_attempt(
            claimed.tries + 1, now=now, retry_after=outcome.retry_after, random=random.random
        )
        if outcome.gone:
            keep, pause = True, "The receiver answered 410: it wants no more of them."
        elif at is not None:
            again = at - now
            if outcome.retry_after:
                quiet = min(timedelta(seconds=outcome.retry_after), again)
        elif claimed.ordered:
            keep, pause = True, "A delivery used up its retries, and the later ones wait for it."
    return Result(
        claimed,
        ok=outcome.ok,
        status=outcome.status,
        error=outcome.error,
        answer=outcome.answer,
        seconds=outcome.seconds,
        again=again,
        keep=keep,
        pause=pause,
        quiet=quiet,
    )


_UNTELLABLE: Final = Outcome(
    ok=False,
    status=None,
    error="Nothing was sent: the event cannot be told, a fault of ours; it is in the log.",
    answer=b"",
    seconds=0.0,
    retry_after=None,
    gone=False,
)


async def _bodies(conn: Connection, claimed: Sequence[Claimed]) -> Mapping[UUID, bytes]:
    """The body of each event among these, made once however many are told of it."""
    seqs = list({one.seq for one in claimed if one.seq is not None})
    bodies: dict[UUID, bytes] = {}
    if seqs:
        ids = {one.seq: one.event for one in claimed}
        cursor = conn.cursor(binary=True, row_factory=psycopg.rows.dict_row)
        await cursor.execute(compiled(payload.EVENTS), {"seqs": seqs}, prepare=True)
        rows: list[dict[str, Any]] = await cursor.fetchall()
        for row in rows:
            try:
                bodies[ids[row["seq"]]] = payload.body(row)
            except Exception:  # one event that cannot be told must not hold up the others
                log.exception("an event cannot be told", seq=row["seq"])
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for one in claimed:
        if one.seq is None:
            bodies[one.event] = payload.ping(one.event, one.endpoint, at)
    return bodies
