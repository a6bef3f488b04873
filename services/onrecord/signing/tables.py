"""Tables of signatures. All are append-only. `migrations/` creates them."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata = MetaData(schema="signing")

keys = Table(
    "keys",
    metadata,
    Column("vkey", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("since_size", BigInteger, nullable=False),
)
"""The public keys that signed checkpoints, each with the size of its first one."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column(
        "signed_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("clock_timestamp()"),
    ),
)
"""Signed checkpoints (C2SP tlog-checkpoint), each with the signatures of the log."""

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", BigInteger, ForeignKey(checkpoints.c.size), nullable=False),
    Column("key", Text, nullable=False),
    Column("line", Text, nullable=False),
    PrimaryKeyConstraint("size", "key"),
    Index("cosignatures_by_witness", "key", "size"),
)
"""Lines of witnesses' signatures (C2SP tlog-cosignature) of a checkpoint.

`key`: name and id, as its vkey begins; in whole one of ML-DSA-44 has 1.8 KB.
"""
