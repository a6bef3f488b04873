-- A page of events that pass filters, from a seq on, each as a line of JSON; see events.sql.
--
-- Parameters: start, limit; lead_kind, lead_names: the most selective filter, by actor, topic or
-- type. Filters: topics and types besides the leading one; kinds of change; with any of these
-- max_entries: the entries of the leading names that are looked at. An event passes a filter by
-- actors, topics or types if it touches one of the names.
-- Result: as of events.sql; horizon: where next is null and this is not, the search is not over but
-- goes on from there.
--
-- The index of touches is read in order for each leading name; the other filters are looked up for
-- each of its entries. They are scalar subqueries: an EXISTS may become a join that reads all
-- entries of the most frequent name. They take the names one by one: PostgreSQL before 17 may read
-- all entries of a kind for name = ANY (...).
-- A position has the id of the event that made it, so changes.open_seq tells that event from later
-- ones about the same position.
WITH passing AS MATERIALIZED (
    SELECT lead_name.name, ARRAY(
        SELECT candidate.seq FROM (
            SELECT touches.seq FROM ledger.touches
            WHERE touches.kind = :lead_kind AND touches.name = lead_name.name
                AND touches.seq >= CAST(:start AS bigint)
            ORDER BY touches.seq
            --? if max_entries
            LIMIT greatest(
                1, CAST(:max_entries AS bigint) / cardinality(CAST(:lead_names AS text[]))
            )
            --? end max_entries
        ) candidate
        WHERE true
            --? if topics
            AND (
                SELECT true
                FROM unnest(CAST(:topics AS text[])) wanted (name)
                CROSS JOIN LATERAL (
                    SELECT FROM ledger.touches
                    WHERE touches.kind = 'topic' AND touches.name = wanted.name
                        AND touches.seq = candidate.seq
                    LIMIT 1
                ) touched
                LIMIT 1
            )
            --? end topics
            --? if types
            AND (
                SELECT true
                FROM unnest(CAST(:types AS text[])) wanted (name)
                CROSS JOIN LATERAL (
                    SELECT FROM ledger.touches
                    WHERE touches.kind = 'type' AND touches.name = wanted.name
                        AND touches.seq = candidate.seq
                    LIMIT 1
                ) touched
                LIMIT 1
            )
            --? end types
            --? if kinds
            AND (
                SELECT changes.kind FROM projections.changes
                WHERE changes.generation = (
                    SELECT generation FROM projections.checkpoints
                    WHERE live AND name = 'changes'
                )
                    AND changes.id = (
                        SELECT id FROM ledger.entries
                        WHERE entries.seq = candidate.seq
                    )
                    AND changes.open_seq = candidate.seq
            ) = ANY (CAST(:kinds AS text[]))
            --? end kinds
        ORDER BY candidate.seq LIMIT CAST(:limit AS bigint) + 1
    ) AS seqs
    FROM unnest(CAST(:lead_names AS text[])) lead_name (name)
)
--? if max_entries
-- the first entry that was not looked at, of the names of which not enough pass
, horizon AS MATERIALIZED (
    SELECT min(CASE WHEN cardinality(passing.seqs) <= CAST(:limit AS bigint) THEN (
        SELECT touches.seq FROM ledger.touches
        WHERE touches.kind = :lead_kind AND touches.name = passing.name
            AND touches.seq >= CAST(:start AS bigint)
        ORDER BY touches.seq LIMIT 1
        OFFSET greatest(
            1, CAST(:max_entries AS bigint) / cardinality(CAST(:lead_names AS text[]))
        )
    ) END) AS seq
    FROM passing
)
--? end max_entries
SELECT
    coalesce(string_agg(
        '{"entry":'::bytea || event.entry
            || ',"payload":{' || coalesce(payload.sections, '')
            || '},"erased":{' || coalesce(erasure.grounds, '') || E'}}\n',
        '' ORDER BY event.seq
    ), '') AS lines,
    CASE WHEN NOT bool_or(event.next_seq IS NULL) THEN max(event.next_seq) END AS next
    , (SELECT seq FROM horizon) AS horizon  --? max_entries
FROM (
    SELECT seq, entry, lead(seq) OVER page AS next_seq, row_number() OVER page AS place,
        sum(bytes) OVER page - bytes AS bytes_before
    FROM (
        SELECT DISTINCT found.seq FROM passing CROSS JOIN LATERAL unnest(passing.seqs) found (seq)
        WHERE found.seq < (SELECT coalesce(seq, 9223372036854775807) FROM horizon)  --? max_entries
        ORDER BY found.seq LIMIT CAST(:limit AS bigint) + 1
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
