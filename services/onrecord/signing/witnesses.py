"""Clients of witnesses (C2SP tlog-witness): each asks one witness for cosignatures, in a thread.

Nothing that a witness does reaches the signer: a slow, absent or lying one costs its own client
time, which waits longer after each failure. Started by the signer's process.
"""

import threading
import time
from collections import defaultdict
from typing import Any, Final, NamedTuple

import httpx2
import psycopg
import structlog

from onrecord.kit.sql import db
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.cosignatures import Cosignature, cosignatures
from onrecord.kit.tlog.keys import VerifierKey
from onrecord.kit.tlog.merkle import consistency_spans
from onrecord.kit.tlog.notes import BadNote, Note, parse_signature_lines
from onrecord.kit.tlog.policies import Policy
from onrecord.kit.tlog.witness_messages import add_checkpoint_request, parse_size
from onrecord.ledger.stored_hashes import HashesMissing, read_span_hashes
from onrecord.signing.kept_checkpoint import CheckpointNote
from onrecord.signing.rounds import Rounds

log = structlog.get_logger()

_STORE: Final = load_query("signing/queries/store_cosignature.sql")
TIMEOUT_SECONDS: Final = 10.0
"""For a whole answer; a third of it for each connection and read."""
MAX_ANSWER_BYTES: Final = 1 << 16
MAX_BACKOFF_SECONDS: Final = 300.0
REFUSED_BACKOFF_SECONDS: Final = 60.0
"""The first pause after an answer that will be the same again, as 404."""


class WitnessFailed(Exception):
    """A witness gave no cosignature. `refused`: it would answer the same request so again."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class _Answer(NamedTuple):
    status: int
    text: str


def start_witness_clients(
    policy: Policy, rounds: Rounds, database_url: str, stop: threading.Event
) -> list["WitnessClient"]:
    """Start a client for each address in the policy. Witnesses of one address share a client."""
    keys: dict[str, list[VerifierKey]] = defaultdict(list)
    for witness in policy.witnesses.values():
        if witness.url:
            keys[witness.url.rstrip("/")].append(witness.key)
    clients = [
        WitnessClient(url, at_url, rounds=rounds, database_url=database_url, stop=stop)
        for url, at_url in keys.items()
    ]
    for client in clients:
        client.start()
    return clients


class WitnessClient(threading.Thread):
    """Asks the witness at `url` to cosign the target of each round, until `stop`."""

    def __init__(
        self,
        url: str,
        keys: list[VerifierKey],
        *,
        rounds: Rounds,
        database_url: str,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=f"witness {url}", daemon=True)
        self._url = url
        self._keys = keys
        self._rounds = rounds
        self._database_url = database_url
        self._stop_event = stop
        self._conn: psycopg.Connection[Any] | None = None
        self._old = 0
        """The size that the witness cosigned last, as far as is known."""
        self._done = 0
        """The size of the last target that it cosigned."""
        self._failures = 0

    def run(self) -> None:
        timeout = httpx2.Timeout(TIMEOUT_SECONDS / 3)
        plain = {"Accept-Encoding": "identity"}  # so that an answer is as long as it says
        with httpx2.Client(timeout=timeout, headers=plain, follow_redirects=False) as http:
            while not self._stop_event.is_set():
                target = self._rounds.next_target(self._done, timeout=1.0)
                if target is None:
                    continue
                try:
                    self._submit(http, target)
                except Exception as error:  # whatever it is, this witness is asked again later
                    self._failed(error)
                else:
                    if self._failures:
                        log.info("a witness cosigns again", witness=self._url)
                    self._failures = 0

    def _submit(self, http: httpx2.Client, target: CheckpointNote) -> None:
        """Ask for a cosignature of the target, and store it."""
        size = target.checkpoint.size
        answer = self._post(http, target)
        if answer.status == 409:
            witness_size = parse_size(answer.text)
            if witness_size > size:
                raise WitnessFailed(f"it cosigned size {witness_size}, and the log has {size}")
            self._old = witness_size
            answer = self._post(http, target)
        if answer.status != 200:
            refused = 400 <= answer.status < 500 and answer.status not in (408, 409, 429)
            raise WitnessFailed(f"status {answer.status}: {answer.text[:200]!r}", refused=refused)
        lines = parse_signature_lines(answer.text)
        valid = cosignatures(Note(target.note.text, lines), self._keys)
        if not valid:
            raise WitnessFailed("its answer has no cosignature of its keys", refused=True)
        self._store(target.checkpoint, valid)
        self._old = self._done = size
        self._rounds.note(size, {cosignature.key.name_and_id for cosignature in valid})

    def _post(self, http: httpx2.Client, target: CheckpointNote) -> _Answer:
        """Send the target with a proof from what the witness knows, and read a bounded answer."""
        proof = read_span_hashes(
            self._connection(), consistency_spans(self._old, target.checkpoint.size)
        )
        body = add_checkpoint_request(self._old, proof, target.note)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        data = b""
        with http.stream("POST", f"{self._url}/add-checkpoint", content=body) as response:
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                    raise WitnessFailed("its answer is too long or too slow")
        return _Answer(response.status_code, data.decode("utf-8", "replace"))

    def _store(self, checkpoint: Checkpoint, valid: list[Cosignature]) -> None:
        for cosignature in valid:
            row = {
                "size": checkpoint.size,
                "key": cosignature.key.name_and_id,
                "line": str(cosignature.line),
            }
            self._connection().execute(db.compiled(_STORE), row)

    def _connection(self) -> psycopg.Connection[Any]:
        if self._conn is None or self._conn.closed:
            self._conn = db.connect_writer(self._database_url, role="onrecord_signer")
        return self._conn

    def _failed(self, error: Exception) -> None:
        """Log a failure and wait, longer each time."""
        refused = isinstance(error, WitnessFailed) and error.refused
        first = REFUSED_BACKOFF_SECONDS if refused else 1.0
        pause = min(first * 2 ** min(self._failures, 10), MAX_BACKOFF_SECONDS)
        self._failures += 1
        expected = (WitnessFailed, BadNote, HashesMissing, httpx2.HTTPError, psycopg.Error)
        log.warning(
            "a witness did not cosign",
            witness=self._url,
            why=f"{type(error).__name__}: {error}",
            next_in_seconds=pause,
            exc_info=None if isinstance(error, expected) else error,
        )
        self._stop_event.wait(pause)
