-- A page of events from a seq on, each as a line of JSON.
--
-- Parameters: start, limit. Result: one row; lines: at most limit events and 8 MiB, or the first
-- event alone; next: the seq that the next page begins with, null at the end.
--
-- PostgreSQL builds the page and sends it as one value: 3 us of Python's time an event, where rows,
-- which wake it up for every 8 KiB, take 10 (measured). octet_length reads a value's header only.
-- Each part is looked up by its entry's seq in a subquery that cannot become a join (OFFSET 0,
-- aggregates), so no plan reads more than the page.
SELECT
    coalesce(string_agg(
        '{"entry":'::bytea || event.entry
            || ',"payload":{' || coalesce(payload.sections, '')
            || '},"erased":{' || coalesce(erasure.grounds, '') || E'}}\n',
        '' ORDER BY event.seq
    ), '') AS lines,
    CASE WHEN NOT bool_or(event.next_seq IS NULL) THEN max(event.next_seq) END AS next
FROM (
    SELECT seq, entry, lead(seq) OVER page AS next_seq, row_number() OVER page AS place,
        sum(bytes) OVER page - bytes AS bytes_before
    FROM (
        SELECT seq FROM ledger.entries
        WHERE seq >= CAST(:start AS bigint)
        ORDER BY seq LIMIT CAST(:limit AS bigint) + 1
    ) listed CROSS JOIN LATERAL (
        SELECT entry, octet_length(entry) + (
            SELECT coalesce(sum(octet_length(value)), 0)
            FROM ledger.payloads WHERE payloads.seq = listed.seq
        )::int AS bytes
        FROM ledger.entries WHERE entries.seq = listed.seq OFFSET 0
    ) whole
    WINDOW page AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
) event
LEFT JOIN LATERAL (
    SELECT string_agg(
        convert_to(
            '"' || section || '":{"salt":"' || encode(salt, 'hex') || '","value":', 'UTF8'
        ) || value || '}', ',' ORDER BY section
    ) AS sections
    FROM ledger.payloads WHERE payloads.seq = event.seq
) payload ON true
LEFT JOIN LATERAL (
    SELECT convert_to(
        string_agg(to_json(section) || ':' || to_json(ground), ',' ORDER BY section), 'UTF8'
    ) AS grounds
    FROM ledger.erased WHERE erased.seq = event.seq
) erasure ON true
WHERE event.place <= CAST(:limit AS bigint) AND event.bytes_before < 8388608
