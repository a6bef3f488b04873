-- Stored hashes of the Merkle tree. Parameters: levels, firsts, lengths: ranges of at most 256
-- hashes side by side. Result: a row for each range, in their order; hashes: one after the other,
-- fewer than wanted where the ledger ends, or null.
SELECT CASE wanted.level
    WHEN 0 THEN (
        SELECT string_agg(leaf_hash, '' ORDER BY seq) FROM ledger.entries
        WHERE seq >= wanted.first AND seq < wanted.first + wanted.length
    )
    ELSE (
        SELECT string_agg(hash, '' ORDER BY n) FROM ledger.subtrees
        WHERE level = wanted.level AND n >= wanted.first AND n < wanted.first + wanted.length
    )
END AS hashes
FROM unnest(
    CAST(:levels AS smallint[]), CAST(:firsts AS bigint[]), CAST(:lengths AS bigint[])
) WITH ORDINALITY AS wanted (level, first, length, place)
ORDER BY wanted.place
