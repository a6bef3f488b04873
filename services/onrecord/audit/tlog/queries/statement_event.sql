-- The newest event that gave a statement its state (made, corrected, retracted), among the first
-- entries. Parameters: id, size: the number of these entries. Result: a row, or none.
SELECT entries.id, entries.seq
FROM (
    SELECT ids.id FROM ledger.ids WHERE ids.id = CAST(:id AS uuid) AND ids.kind = 'statement'
) statement
CROSS JOIN LATERAL (
    SELECT entries.seq FROM ledger.entries WHERE entries.id = statement.id
    UNION ALL
    SELECT touches.seq FROM ledger.touches
    WHERE touches.kind = 'statement' AND touches.name = CAST(statement.id AS text)
) event
JOIN ledger.entries ON entries.seq = event.seq
WHERE event.seq < CAST(:size AS bigint)
    AND NOT EXISTS (  -- an erasure touches its statement too
        SELECT FROM ledger.touches
        WHERE touches.kind = 'type' AND touches.name = 'payload.erased' AND touches.seq = event.seq
    )
ORDER BY event.seq DESC LIMIT 1
