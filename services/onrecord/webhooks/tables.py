"""Which tables hold the endpoints and what was sent to them?

Made by `migrations/`; a test holds the two against each other. The SQL of this room stands in
`endpoints`, `matching`, `fan_out`, `claim`, `results` and `log`.
"""

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
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
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
    Index("endpoints_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)
"""`size`: the ledger's when it was made. `from_seq`: where it goes on from; null where it is as far
as the fan-out. `failures`: in a row; `probe_at`: when it may be tried again, if it fails.
"""

interests = Table(
    "interests",
    metadata,
    Column("by", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("endpoint", Uuid, nullable=False),
    PrimaryKeyConstraint("by", "name", "endpoint"),
    Index("interests_endpoint", "endpoint"),
)
"""Where the fan-out finds an endpoint: by the names of its narrowest filter (actor, topic, kind or
type), or by `any` where it has none.
"""

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
"""One event for one endpoint, or a ping (no seq). `tries` counts the attempts of this round, which
a replay or resend begins anew; `attempts` all of them. `lease` fences what a claim may write.
"""

FIRST, RETRY, REPLAY, PING = range(4)
"""Lanes. Only a retry waits for its `next_attempt_at`; the others are due as they stand there."""

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
"""What came of each attempt. `ok` is null where nobody knows: it began, and its deliverer ended."""

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
"""What was asked to be sent again: seqs from `from_seq` up to, not including, `to_seq`; `events` of
them match, those below `at_seq` are queued."""

tallies = Table(
    "tallies",
    metadata,
    Column("deliverer", Uuid, primary_key=True),
    Column("delivered", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    Column("unknown", BigInteger, nullable=False, server_default=text("0")),
    Column("given_up", BigInteger, nullable=False, server_default=text("0")),
)
"""How many attempts came to what, and how many deliveries were given up: a row for each start of a
deliverer, which nobody else writes."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("moved_at", _INSTANT, nullable=False, server_default=func.clock_timestamp()),
)
"""How far the fan-out is. It is never built anew: what was sent stays sent."""
