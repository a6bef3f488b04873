"""Tables of schema `webhooks`: endpoints, what they want, deliveries and their attempts.

Created by `migrations/`; a test compares these definitions with them. The statements over them
stand in the modules that run them.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL

metadata = MetaData(schema="webhooks")

_INSTANT = DateTime(timezone=True)

LOWEST_ID: Final = UUID(int=0)  # sorts before every endpoint: where a scan of them starts

# `size`: of the ledger when the endpoint was created. `from_seq`: the next event to queue for it;
# null once it is level with the fan-out. `failures`: consecutive ones. `probe_at`: a failing
# endpoint is not tried before. Secrets are encrypted (`encryption`); the old one stays until
# `old_until`.
endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("types", ARRAY(Text), nullable=False),
    Column("actors", ARRAY(Text), nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("kinds", ARRAY(Text), nullable=False),
    Column("ordered", Boolean, nullable=False),
    Column("encrypted_secret", LargeBinary, nullable=False),
    Column("encrypted_old_secret", LargeBinary),
    Column("old_until", _INSTANT),
    Column("size", BigInteger, nullable=False),
    Column("from_seq", BigInteger),
    Column("made_at", _INSTANT, nullable=False, server_default=func.clock_timestamp()),
    Column("paused_at", _INSTANT),
    Column("paused_reason", Text),
    Column("paused_by", Text),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", _INSTANT),
    Column("probe_at", _INSTANT),
    Column("deleted_at", _INSTANT),
    Index("endpoints_behind", "from_seq", postgresql_where=text("from_seq IS NOT NULL")),
    Index("endpoints_overlap", "old_until", postgresql_where=text("old_until IS NOT NULL")),
    Index("endpoints_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)

# How the fan-out looks up an endpoint: by each name of its narrowest filter (`by` is actor, topic,
# kind or type), or by `any` if it has no filter.
interests = Table(
    "interests",
    metadata,
    Column("by", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("endpoint", Uuid, nullable=False),
    PrimaryKeyConstraint("by", "name", "endpoint"),
    Index("interests_endpoint", "endpoint"),
)

# One event for one endpoint, or a ping (no `seq`). `tries` counts the attempts of this round, which
# a replay or a resend restarts; `attempts` counts all of them. `lease` is a fencing token: a result
# is recorded only under the lease that it was claimed with.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("endpoint", Uuid, nullable=False),
    Column("seq", BigInteger),
    Column("event", Uuid, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", _INSTANT),
    Column("lease", BigInteger),
    Column("leased_at", _INSTANT),
    Column("lease_until", _INSTANT),
    Column("made_at", _INSTANT, nullable=False, server_default=func.clock_timestamp()),
    Column("ended_at", _INSTANT),
    UniqueConstraint("endpoint", "seq"),
    CheckConstraint(
        "state IN ('pending', 'sending', 'delivered', 'failed')", name="deliveries_state"
    ),
    Index("deliveries_listed", "endpoint", "state", "id"),
    Index(
        "deliveries_made",
        "made_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16, "autosummarize": "on"},
    ),
    Index(
        "deliveries_pending",
        *("endpoint", "lane", "seq"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "deliveries_retried",
        *("endpoint", "next_attempt_at"),
        postgresql_where=text("state = 'pending' AND lane = 1"),
    ),
    Index(
        "deliveries_sending",
        *("endpoint", "lease_until"),
        postgresql_where=text("state = 'sending'"),
    ),
)

# Lanes of a delivery; statements write the numbers. Only a retry waits for its `next_attempt_at`.
FIRST, RETRY, REPLAY, PING = range(4)

# The outcome of each attempt. `ok` is null if it is unknown: the deliverer ended during it.
attempts = Table(
    "attempts",
    metadata,
    Column("delivery", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("began_at", _INSTANT, nullable=False),
    Column("seconds", REAL),
    Column("ok", Boolean),
    Column("status", SmallInteger),
    Column("error", Text),
    Column("answer", LargeBinary),
    PrimaryKeyConstraint("delivery", "number"),
)

# Requests to send events again: seqs from `from_seq` up to, not including, `to_seq`. `events` of
# them match the endpoint's filters; those below `at_seq` are queued.
replays = Table(
    "replays",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("endpoint", Uuid, nullable=False),
    Column("from_seq", BigInteger, nullable=False),
    Column("to_seq", BigInteger, nullable=False),
    Column("at_seq", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("queued", BigInteger, nullable=False, server_default=text("0")),
    Column("asked_at", _INSTANT, nullable=False, server_default=func.clock_timestamp()),
    Column("filled_at", _INSTANT, nullable=False, server_default=func.clock_timestamp()),
    Column("ended_at", _INSTANT),
    Index("replays_one", "endpoint", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("replays_endpoint", "endpoint", "id"),
)

# Attempts by outcome, for the metrics: one row a deliverer process, which only it writes.
tallies = Table(
    "tallies",
    metadata,
    Column("deliverer", Uuid, primary_key=True),
    Column("delivered", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    Column("unknown", BigInteger, nullable=False, server_default=text("0")),
    Column("given_up", BigInteger, nullable=False, server_default=text("0")),
)

# The size of the ledger up to which events are fanned out. Never rebuilt: what was sent stays sent.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("moved_at", _INSTANT, nullable=False, server_default=func.clock_timestamp()),
)

# The id of this installation: one random row, inserted by the migration and kept with the data.
installation = Table("installation", metadata, Column("id", Uuid, primary_key=True))
