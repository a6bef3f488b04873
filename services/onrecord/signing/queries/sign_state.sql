-- What the signer must know. Result: one row; size and root of the ledger's head, null where it
-- is empty; those of the newest checkpoint in the database, with its note, null before the
-- first; lsn: how far the primary has the write-ahead log on disk, which holds the head, as no
-- commit is visible before that; flushed: how far every standby has it on disk, null where there
-- is none, and 0/0 where one has nothing. A standby counts by its replication slot, also while it
-- is away.
SELECT head.size, head.root,
    signed.size AS signed_size, signed.root AS signed_root, signed.note AS signed_note,
    pg_current_wal_flush_lsn() AS lsn,
    (SELECT min(coalesce(restart_lsn, '0/0')) FROM pg_replication_slots
        WHERE slot_type = 'physical' AND NOT temporary) AS flushed
FROM (SELECT) always
LEFT JOIN (SELECT size, root FROM ledger.commits ORDER BY size DESC LIMIT 1) head ON true
LEFT JOIN (
    SELECT size, root, note FROM signing.checkpoints ORDER BY size DESC LIMIT 1
) signed ON true
