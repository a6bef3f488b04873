-- A page of entries from a seq to before another, with their payload sections.
--
-- Parameters: start, stop, limit. Result: at most limit entries and 8 MiB, or the first entry
-- alone. As in audit/queries/events.sql, each part is looked up by its entry's seq.
SELECT event.seq, event.entry, event.leaf_hash, payload.sections, erasure.grounds
FROM (
    SELECT seq, entry, leaf_hash, sum(bytes) OVER page - bytes AS bytes_before
    FROM (
        SELECT seq FROM ledger.entries
        WHERE seq >= CAST(:start AS bigint) AND seq < CAST(:stop AS bigint)
        ORDER BY seq LIMIT CAST(:limit AS bigint)
    ) listed CROSS JOIN LATERAL (
        SELECT entry, leaf_hash, octet_length(entry) + (
            SELECT coalesce(sum(octet_length(value)), 0)
            FROM ledger.payloads WHERE payloads.seq = listed.seq
        )::int AS bytes
        FROM ledger.entries WHERE entries.seq = listed.seq OFFSET 0
    ) whole
    WINDOW page AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
) event
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object(
            'section', section, 'salt', encode(salt, 'hex'), 'value', convert_from(value, 'UTF8')
        ) ORDER BY section
    ) AS sections
    FROM ledger.payloads WHERE payloads.seq = event.seq
) payload ON true
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object('section', section, 'ground', ground) ORDER BY section
    ) AS grounds
    FROM ledger.erased WHERE erased.seq = event.seq
) erasure ON true
WHERE event.bytes_before < 8388608
ORDER BY event.seq
