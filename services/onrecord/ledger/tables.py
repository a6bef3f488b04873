"""Tables of the ledger.

Tests compare them with the migrated database. `migrations/` creates them, and adds what a table
definition does not contain: grants, and the triggers that keep the tables append-only.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData(schema="ledger")

entries = Table(
    "entries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, nullable=False, unique=True),
    Column("entry", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    CheckConstraint("seq >= 0", name="entries_seq_counts_from_0"),
    CheckConstraint("octet_length(entry) <= 65535", name="entries_entry_fits"),
    CheckConstraint(
        "leaf_hash = sha256('\\x00'::bytea || entry)", name="entries_leaf_hash_is_true"
    ),
)
"""The entries: seq, event id, canonical bytes, RFC 6962 leaf hash."""

ids = Table(
    "ids",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("slug", Text),
    Column("seq", BigInteger, nullable=False),
    Index(
        "ids_slug_trgm",
        "slug",
        postgresql_using="gist",
        postgresql_ops={"slug": "gist_trgm_ops"},
        postgresql_where=text("slug IS NOT NULL"),
    ),
)
"""Actors, topics, statements, positions, dismissals and keys, each with the seq of its latest
event.
"""

touches = Table(
    "touches",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "name", "seq"),
)
"""Index of entries. `kind`: actor, topic, type, pair (`actor/topic`, of positions only), statement
(that the entry amends or erases), or finding (a statement that a dismissal is about).
"""

commits = Table(
    "commits",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", ARRAY(LargeBinary), nullable=False),
)
"""One row for each committed batch. The newest is the head of the ledger: its size, the instant of
its last batch, and the state of its Merkle tree.
"""

subtrees = Table(
    "subtrees",
    metadata,
    Column("level", SmallInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "n"),
    CheckConstraint("octet_length(hash) = 32", name="subtrees_hash_has_256_bits"),
)
"""The hash of the n-th complete subtree of 256^level leaves, from level 1 on: what the published
tiles hold above the leaves (C2SP tlog-tiles). A commit adds those that it completes.
"""

payloads = Table(
    "payloads",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("section", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    PrimaryKeyConstraint("seq", "section"),
)
"""The payload sections to which entries commit. Only these can be erased."""

erased = Table(
    "erased",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("section", Text, nullable=False),
    Column("ground", Text, nullable=False),
    PrimaryKeyConstraint("seq", "section"),
)
"""The sections that were erased, and the legal ground."""
