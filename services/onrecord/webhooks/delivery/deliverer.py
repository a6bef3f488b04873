"""The deliverer: sends due deliveries to their receivers.

One event loop in a thread of the deliverer's process, with one long-lived `Sender`. It records
results, claims what is due, renders and sends it, and sleeps until it is woken or a retry is due.
No transaction is open during HTTP. If the process is killed, its leases expire, and another claim
sends the same deliveries under the same ids.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from onrecord.domain.dates import format_instant
from onrecord.domain.ids import new_id
from onrecord.kit.networks import AllowedNetwork
from onrecord.kit.sql.db import compiled
from onrecord.webhooks import payload
from onrecord.webhooks.delivery.attempt_log import IN_FLIGHT, attempt_span, log_attempt
from onrecord.webhooks.delivery.attempt_outcomes import NOT_RENDERED, SECRET_LOST, result_of
from onrecord.webhooks.delivery.claim import Claim, ClaimedDelivery, claim_due
from onrecord.webhooks.delivery.clock_skew import ClockMonitor
from onrecord.webhooks.delivery.connection import DelivererConnection, connect_deliverer
from onrecord.webhooks.delivery.health import update_health
from onrecord.webhooks.delivery.results import DeliveryResult, reclaim_expired, record_results
from onrecord.webhooks.encryption import SecretCipher, UndecryptableSecret
from onrecord.webhooks.http.sender import Sender
from onrecord.webhooks.http.signing import signed_headers
from onrecord.webhooks.tables import LOWEST_ID

log = structlog.get_logger()

# Deliveries in flight in this process: first attempts of healthy endpoints, and all others. Two
# limits, so that receivers that hang never take the room of healthy ones.
MAX_HEALTHY: Final = 256
MAX_PROBING: Final = 64
TIMEOUT: Final = 15.0  # seconds, of an attempt
LEASE: Final = timedelta(seconds=TIMEOUT + 5)
POLL_INTERVAL: Final = 1.0  # seconds after which it looks for due deliveries without a wake-up
CLAIM_INTERVAL: Final = 0.004  # seconds between claims while sending, so that each claims many
RECONNECT_AFTER: Final = 0.5  # seconds


class Deliverer:
    """Delivers from `start` until `stop`, in a thread of its own.

    Links in bodies begin with `public_url`. `cipher` decrypts the secrets. `on_failure`
    is called if the thread ends before `stop`, which only a bug can cause.
    """

    def __init__(
        self,
        conninfo: str,
        allow: Sequence[AllowedNetwork],
        public_url: str,
        cipher: SecretCipher,
        on_failure: Callable[[], None],
    ) -> None:
        self._conninfo, self._allow, self._on_failure = conninfo, allow, on_failure
        self._public_url, self._cipher = public_url, cipher
        self._thread = threading.Thread(target=self._run, name="deliverer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock_monitor = ClockMonitor()
        self._stopping = False
        self._id = new_id()  # of this start, in the tallies

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look for due deliveries. Returns at once; callable from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self, grace: float = 3.0) -> None:
        """Claim no more, wait up to `grace` seconds for what is in flight, and end."""
        self._stopping = True
        self._grace = grace
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        try:
            # Not uvloop: it reads past the socket object, by which `connector` limits an answer.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._deliver())
        except BaseException:
            log.exception("nothing is delivered any more")
            self._on_failure()
            raise

    async def _deliver(self) -> None:
        self._woken = asyncio.Event()
        self._results: list[DeliveryResult] = []
        self._logged = 0  # of these results
        self._in_flight: dict[asyncio.Task[None], bool] = {}  # by task: is it probing?
        self._last_endpoint = LOWEST_ID
        self._loop = asyncio.get_running_loop()
        async with Sender(self._allow, timeout=TIMEOUT) as sender:
            while not self._stopping:
                try:
                    async with await connect_deliverer(self._conninfo) as conn:
                        await self._work(conn, sender)
                        await self._finish(conn)
                except psycopg.OperationalError as error:
                    log.warning("the database is away", reason=type(error).__name__)
                    await asyncio.sleep(RECONNECT_AFTER)
                except Exception:
                    log.exception("delivering goes on in a moment")
                    await asyncio.sleep(RECONNECT_AFTER)

    async def _work(self, conn: DelivererConnection, sender: Sender) -> None:
        clock = asyncio.get_running_loop().time
        last_check = 0.0
        while not self._stopping:
            self._woken.clear()
            started = clock()
            await self._record(conn)
            if started - last_check >= POLL_INTERVAL:
                await self._clock_monitor.check(conn, LEASE)
                if unknown := await reclaim_expired(conn, self._id):
                    log.warning("attempts whose deliverer ended are repeated", deliveries=unknown)
                last_check = started
            claim = await self._claim(conn, sender)
            if claim is None:
                await self._wait_for_wake(POLL_INTERVAL)
            elif claim.round_complete:
                # Only a wake-up, the end of an attempt or a retry can make more due.
                await self._wait_for_wake(min(POLL_INTERVAL, claim.seconds or POLL_INTERVAL))
            if self._in_flight:
                await asyncio.sleep(max(0.0, CLAIM_INTERVAL - (clock() - started)))

    async def _wait_for_wake(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _record(self, conn: DelivererConnection) -> None:
        """Record the results since the last call. They are kept in memory until that succeeds."""
        if not (results := self._results[:]):
            return
        for result in results[self._logged :]:
            log_attempt(result)
        self._logged = len(results)
        await update_health(conn, results)
        try:
            await record_results(conn, self._id, results)
        except psycopg.DataError:  # a result that cannot be stored must not block the others
            log.exception("a result cannot be recorded", results=len(results))
            for result in results:
                with suppress(psycopg.DataError):
                    await record_results(conn, self._id, [result])
        del self._results[: len(results)]
        self._logged = 0

    async def _claim(self, conn: DelivererConnection, sender: Sender) -> Claim | None:
        """Claim what there is room for and start to send it; None if there is no room."""
        probing = sum(self._in_flight.values())
        room = {
            "healthy": max(0, MAX_HEALTHY - (len(self._in_flight) - probing)),
            "probing": max(0, MAX_PROBING - probing),
        }
        if not any(room.values()):
            return None
        claim = await claim_due(conn, self._last_endpoint, **room, lease=LEASE)
        self._last_endpoint = claim.last_endpoint
        rendered = await _render(conn, claim.deliveries, self._public_url)
        for delivery in claim.deliveries:
            task = asyncio.create_task(self._send(sender, delivery, rendered))
            self._in_flight[task] = delivery.probing
            task.add_done_callback(self._on_sent)
        IN_FLIGHT.set(len(self._in_flight))
        return claim

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        IN_FLIGHT.set(len(self._in_flight))
        self._woken.set()

    async def _send(self, sender: Sender, delivery: ClaimedDelivery, rendered: "_Rendered") -> None:
        body = rendered.bodies.get(delivery.event)
        if body is None:
            self._results.append(result_of(delivery, NOT_RENDERED))
            return
        try:
            secrets = self._cipher.signing_secrets(
                delivery.endpoint, delivery.encrypted_secret, delivery.encrypted_old_secret
            )
        except UndecryptableSecret:
            log.error("an endpoint's secret cannot be decrypted", endpoint=str(delivery.endpoint))
            self._results.append(result_of(delivery, SECRET_LOST))
            return
        now = datetime.now(UTC)
        headers = signed_headers(secrets, id=str(delivery.event), at=now, body=body)
        headers["Content-Type"] = payload.MEDIA_TYPE
        with attempt_span(headers):
            outcome = await sender.post(delivery.url, headers=headers, body=body)
        self._results.append(result_of(delivery, outcome, rendered.last_erasure))

    async def _finish(self, conn: DelivererConnection) -> None:
        """Wait for what is in flight and record it; the rest is sent again by another claim."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=self._grace)
        await self._record(conn)
        for task in list(self._in_flight):
            task.cancel()


@dataclass(frozen=True)
class _Rendered:
    """Bodies by event, and the seq of the last erasure before they were rendered."""

    bodies: Mapping[UUID, bytes]
    last_erasure: int | None


async def _render(
    conn: DelivererConnection, deliveries: Sequence[ClaimedDelivery], public_url: str
) -> _Rendered:
    """The body of each event, rendered once for all of its deliveries."""
    ids = {delivery.seq: delivery.event for delivery in deliveries if delivery.seq is not None}
    bodies: dict[UUID, bytes] = {}
    last_erasure = None
    if ids:
        cursor = conn.cursor(binary=True, row_factory=psycopg.rows.dict_row)
        await cursor.execute(compiled(payload.EVENTS), {"seqs": list(ids)}, prepare=True)
        rows: list[dict[str, Any]] = await cursor.fetchall()
        for row in rows:
            last_erasure = row["last_erasure"]
            try:
                bodies[ids[row["seq"]]] = payload.event_body(row, public_url)
            except Exception:  # an event that cannot be rendered must not block the others
                log.exception("an event cannot be rendered", seq=row["seq"])
    if pings := [delivery for delivery in deliveries if delivery.seq is None]:
        at = format_instant(datetime.now(UTC))
        installation = await (await conn.execute(compiled(payload.INSTALLATION))).fetchone()
        assert installation
        for ping in pings:
            bodies[ping.event] = payload.ping_body(ping.event, ping.endpoint, at, *installation)
    return _Rendered(bodies, last_erasure)
