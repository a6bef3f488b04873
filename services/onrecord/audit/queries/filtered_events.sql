-- A page of events that pass filters, from a seq on, each as a line of JSON; see events.sql.
--
-- Parameters: start, limit; lead_kind, lead_names: the most selective filter, by actor, topic or
-- type. Filters: topics and types besides the leading one; kinds of change. An event passes a
-- filter by actors, topics or types if it touches one of the names.
--
-- The index of touches is read in order for each leading name; the other filters are looked up for
-- each of its entries. They are scalar subqueries: an EXISTS may become a join that reads all
-- entries of the most frequent name. They take the names one by one: PostgreSQL before 17 may read
-- all entries of a kind for name = ANY (...).
-- A position has the id of the event that made it, so changes.open_seq tells that event from later
-- ones about the same position.
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
        SELECT DISTINCT candidates.seq
        FROM unnest(CAST(:lead_names AS text[])) lead_name (name) CROSS JOIN LATERAL (
            SELECT candidate.seq FROM ledger.touches candidate
            WHERE candidate.kind = :lead_kind AND candidate.name = lead_name.name
                AND candidate.seq >= CAST(:start AS bigint)
                AND (  --? topics
                    SELECT true  --? topics
                    FROM unnest(CAST(:topics AS text[])) wanted (name)  --? topics
                    CROSS JOIN LATERAL (  --? topics
                        SELECT FROM ledger.touches  --? topics
                        WHERE touches.kind = 'topic' AND touches.name = wanted.name  --? topics
                            AND touches.seq = candidate.seq  --? topics
                        LIMIT 1  --? topics
                    ) touched  --? topics
                    LIMIT 1  --? topics
                )  --? topics
                AND (  --? types
                    SELECT true  --? types
                    FROM unnest(CAST(:types AS text[])) wanted (name)  --? types
                    CROSS JOIN LATERAL (  --? types
                        SELECT FROM ledger.touches  --? types
                        WHERE touches.kind = 'type' AND touches.name = wanted.name  --? types
                            AND touches.seq = candidate.seq  --? types
                        LIMIT 1  --? types
                    ) touched  --? types
                    LIMIT 1  --? types
                )  --? types
                AND (  --? kinds
                    SELECT changes.kind FROM projections.changes  --? kinds
                    WHERE changes.generation = (  --? kinds
                        SELECT generation FROM projections.checkpoints  --? kinds
                        WHERE live AND name = 'changes'  --? kinds
                    )  --? kinds
                        AND changes.id = (  --? kinds
                            SELECT id FROM ledger.entries  --? kinds
                            WHERE entries.seq = candidate.seq  --? kinds
                        )  --? kinds
                        AND changes.open_seq = candidate.seq  --? kinds
                ) = ANY (CAST(:kinds AS text[]))  --? kinds
            ORDER BY candidate.seq LIMIT CAST(:limit AS bigint) + 1
        ) candidates
        ORDER BY candidates.seq LIMIT CAST(:limit AS bigint) + 1
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
