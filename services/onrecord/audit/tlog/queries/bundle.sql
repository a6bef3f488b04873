-- The entries of a bundle. Parameters: first: a seq, length: at most 256.
SELECT entry FROM ledger.entries
WHERE seq >= CAST(:first AS bigint) AND seq < CAST(:first AS bigint) + CAST(:length AS bigint)
ORDER BY seq
