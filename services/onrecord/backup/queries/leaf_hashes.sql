-- The leaf hashes of all entries, in order.
SELECT leaf_hash FROM ledger.entries ORDER BY seq
