"""Checks that a head of the ledger continues what the log has signed already.

A log must never sign two checkpoints between which no consistency proof exists (C2SP
tlog-checkpoint): to all who hold the earlier one that would be proof of a forgery. Used by the
signer, before each signature.
"""

from typing import Any, Final

import psycopg

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.merkle import Span, consistency_spans, is_consistent
from onrecord.ledger.stored_hashes import HashesMissing, read_span_hashes

RUNBOOK: Final = "ops/runbooks/the-signer-refuses.md"


class SigningRefused(Exception):
    """The signer must not sign, until a person has decided what is true."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The signer refuses: {why}. Nothing was signed; see {RUNBOOK}.")


def require_continuation(
    conn: psycopg.Connection[Any], head: Checkpoint | None, signed: Checkpoint, where: str
) -> None:
    """Raise `SigningRefused` unless the ledger still has the tree of a signed checkpoint.

    `where`: the place of the checkpoint, for the message.
    """
    size = head.size if head else 0
    if size < signed.size:
        raise SigningRefused(
            f"the ledger has {size} entries, and {where} is signed over {signed.size};"
            " a ledger that was restored to an earlier state would fork the log"
        )
    if _root(conn, signed.size) != signed.root:
        raise SigningRefused(
            f"the first {signed.size} entries of the ledger have another root than {where}"
        )


def require_consistent(
    conn: psycopg.Connection[Any], head: Checkpoint, signed: Checkpoint | None
) -> None:
    """Raise `SigningRefused` unless the head's root follows from the stored hashes, and a
    consistency proof leads to it from the last signed checkpoint.
    """
    if _root(conn, head.size) != head.root:
        raise SigningRefused(
            f"the stored hashes of the first {head.size} entries do not give the root that the"
            " ledger has for them"
        )
    if signed is None:
        return
    proof = _hashes(conn, consistency_spans(signed.size, head.size))
    if not is_consistent(signed.size, signed.root, head.size, head.root, proof):
        raise SigningRefused(
            f"no consistency proof leads from the checkpoint over {signed.size} entries to that"
            f" over {head.size}"
        )


def _root(conn: psycopg.Connection[Any], size: int) -> bytes:
    (root,) = _hashes(conn, [Span(0, size)])
    return root


def _hashes(conn: psycopg.Connection[Any], spans: list[Span]) -> list[bytes]:
    try:
        return read_span_hashes(conn, spans)
    except HashesMissing as error:
        raise SigningRefused(f"hashes of the ledger's tree are missing: {error}") from None
