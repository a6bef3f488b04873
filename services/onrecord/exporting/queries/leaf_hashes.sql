-- The leaf hashes of entries from a seq to before another, in order.
--
-- Parameters: start, stop.
SELECT leaf_hash FROM ledger.entries
WHERE seq >= CAST(:start AS bigint) AND seq < CAST(:stop AS bigint)
ORDER BY seq
