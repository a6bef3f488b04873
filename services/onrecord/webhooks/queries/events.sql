-- The events at seqs, with all that their deliveries say of them.
--
-- Parameters: seqs. Result: a row for each. What is known of a thing is what was known at the event
-- itself, in the rows of projections with `open_seq <= seq < close_seq`. Words of statements are
-- read from the ledger, from which they are erased at once, and not from projections. Each version
-- is looked up by ORDER BY and LIMIT 1, so that no plan, even one made for empty tables, takes an
-- index by which it would read all rows of a generation.
--
-- versions: a JSON array of `[entry, {section: value}, {erased section: ground}]`, the last version
-- of what the event retracts or erases words of, then the statements that a position is based on,
-- in the order of saying. timeline: what the certainty of a change is decided by, as in the read
-- API. actors: names by id. topics: labels and propositions by id. last_erasure:
-- what was erased up to it is not in these rows.
WITH live AS MATERIALIZED (
    SELECT
        max(generation) FILTER (WHERE name = 'positions') AS positions,
        max(generation) FILTER (WHERE name = 'changes') AS changes,
        max(generation) FILTER (WHERE name = 'actors') AS actors,
        max(generation) FILTER (WHERE name = 'topics') AS topics,
        max(generation) FILTER (WHERE name = 'statements') AS statements
    FROM projections.checkpoints WHERE live
)
SELECT e.seq, e.entry, p.sections, p.values, x.erased, c.change, c.timeline, versions.versions,
    named.actors, labelled.topics, (SELECT id FROM webhooks.installation) AS installation,
    (SELECT max(seq) FROM ledger.touches WHERE kind = 'type' AND name = 'payload.erased')
        AS last_erasure
FROM live CROSS JOIN ledger.entries e
CROSS JOIN LATERAL (
    SELECT entry -> 'touches' AS touches, entry -> 'data' AS data,
        coalesce(entry #> '{data,replacement,basis}', entry #> '{data,basis}') AS basis
    FROM (SELECT convert_from(e.entry, 'UTF8')::jsonb AS entry OFFSET 0) whole
) event
LEFT JOIN LATERAL (
    SELECT array_agg(section ORDER BY section) AS sections,
        array_agg(value ORDER BY section) AS values
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(section, ground) AS erased FROM ledger.erased WHERE seq = e.seq
) x ON true
LEFT JOIN LATERAL (
    SELECT jsonb_build_object('kind', c.kind, 'size', c.change_size, 'late', c.late, 'previous',
        CASE WHEN c.before_id IS NOT NULL THEN jsonb_build_object(
            'id', c.before_id, 'stance', c.before_stance,
            'condition', s.condition, 'effective', s.effective) END) AS change,
        jsonb_build_object(
            'effective', c.effective,
            'overlaps', EXISTS (
                SELECT FROM projections.changes
                WHERE changes.generation = live.changes
                    AND changes.open_seq <= e.seq
                    AND changes.close_seq > e.seq
                    AND changes.line = c.line
                    AND changes.actor || ' ' || changes.topic = c.actor || ' ' || c.topic
                    AND changes.valid_from BETWEEN c.earliest - interval '1 day' AND c.latest
                    AND changes.latest >= c.earliest
                    AND (changes.earliest, changes.latest, changes.valid_from)
                        <> (c.earliest, c.latest, c.valid_from)
            ) OR EXISTS (
                SELECT FROM projections.changes
                WHERE changes.generation = live.changes
                    AND changes.open_seq <= e.seq
                    AND changes.close_seq > e.seq
                    AND changes.line = c.line
                    AND changes.actor || ' ' || changes.topic = c.actor || ' ' || c.topic
                    AND changes.valid_from >= c.earliest - interval '366 days'
                    AND changes.valid_from < c.earliest
                    AND changes.latest - changes.earliest > interval '1 day'
                    AND changes.latest >= c.earliest
            ) OR EXISTS (
                SELECT FROM projections.changes
                WHERE changes.generation = live.changes
                    AND changes.open_seq <= e.seq
                    AND changes.close_seq > e.seq
                    AND changes.actor = c.actor AND changes.topic = c.topic
                    AND changes.valid_from > c.latest
                    AND changes.earliest = '0001-01-01 00:00:00+00'
            ),
            'follows_on_same_date', EXISTS (
                SELECT FROM projections.changes
                WHERE changes.generation = live.changes
                    AND changes.open_seq <= e.seq
                    AND changes.close_seq > e.seq
                    AND changes.line = c.line
                    AND changes.actor || ' ' || changes.topic = c.actor || ' ' || c.topic
                    AND changes.valid_from = c.valid_from
                    AND (changes.ord, changes.made_seq) < (c.ord, c.made_seq)
            ),
            'candidates', to_json(ARRAY(
                SELECT json_build_object(
                    'id', candidate.id, 'stance', candidate.stance,
                    'condition', candidate.condition, 'effective', candidate.effective,
                    'order', candidate.ord, 'seq', candidate.made_seq
                )
                FROM (
                    SELECT * FROM projections.changes
                    WHERE changes.generation = live.changes
                        AND changes.open_seq <= e.seq
                        AND changes.close_seq > e.seq
                        AND changes.line = c.line
                        AND changes.actor || ' ' || changes.topic = c.actor || ' ' || c.topic
                        AND changes.valid_from >= begun.by - interval '1 day'
                        AND changes.valid_from < c.earliest
                        AND changes.latest - changes.earliest <= interval '1 day'
                        AND changes.latest >= begun.by
                    UNION ALL
                    SELECT * FROM projections.changes
                    WHERE changes.generation = live.changes
                        AND changes.open_seq <= e.seq
                        AND changes.close_seq > e.seq
                        AND changes.line = c.line
                        AND changes.actor || ' ' || changes.topic = c.actor || ' ' || c.topic
                        AND changes.valid_from >= begun.by - interval '366 days'
                        AND changes.valid_from < c.earliest
                        AND changes.latest - changes.earliest > interval '1 day'
                        AND changes.latest >= begun.by
                ) candidate
            ))
        ) AS timeline
    FROM (
        SELECT * FROM projections.changes
        WHERE generation = live.changes AND id = e.id AND open_seq <= e.seq
        ORDER BY open_seq DESC LIMIT 1
    ) c
    LEFT JOIN LATERAL (
        SELECT * FROM projections.steps
        WHERE generation = live.positions AND id = c.before_id AND open_seq <= e.seq
        ORDER BY open_seq DESC LIMIT 1
    ) s ON s.close_seq > e.seq
    CROSS JOIN LATERAL (
        SELECT coalesce((
            SELECT changes.earliest FROM projections.changes
            WHERE changes.generation = live.changes
                AND changes.open_seq <= e.seq AND changes.close_seq > e.seq
                AND changes.line = c.line
                AND changes.actor || ' ' || changes.topic = c.actor || ' ' || c.topic
                AND changes.valid_from < c.earliest AND changes.latest < c.earliest
                AND changes.earliest > '0001-01-01 00:00:00+00'
            ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
        ), '-infinity') AS by
    ) begun
    WHERE c.open_seq = e.seq
) c ON true
LEFT JOIN LATERAL (  -- the last version of what is retracted, or words are erased of
    SELECT last.open_seq, last.basis FROM (
        (SELECT s.open_seq, to_jsonb(s.basis) AS basis FROM projections.steps s
        WHERE s.generation = live.positions AND s.id = CAST(event.data ->> 'target' AS uuid)
            AND s.open_seq < e.seq ORDER BY s.open_seq DESC LIMIT 1)
        UNION ALL
        (SELECT s.open_seq, NULL FROM projections.statements s
        WHERE s.generation = live.statements AND s.id = CAST(event.data ->> 'target' AS uuid)
            AND s.open_seq < e.seq ORDER BY s.open_seq DESC LIMIT 1)
    ) last
    WHERE NOT event.data ? 'replacement' LIMIT 1
) target ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(version.actors)) FILTER (WHERE version.actors <> '{}') AS actors,
        '['::bytea || string_agg('['::bytea || v.entry || ',{' || coalesce(payload.sections, '')
            || '},{' || coalesce(erasure.grounds, '') || '}]',
            ',' ORDER BY version.said_from NULLS FIRST, version.made_seq) || ']' AS versions
    FROM (
        SELECT target.open_seq, NULL::text[] AS actors, NULL::timestamptz AS said_from,
            NULL::bigint AS made_seq
        UNION ALL
        SELECT s.open_seq, s.actors, s.said_from, s.made_seq
        FROM jsonb_array_elements_text(coalesce(event.basis, target.basis)) AS basis (id)
        CROSS JOIN LATERAL (
            SELECT * FROM projections.statements
            WHERE generation = live.statements AND id = CAST(basis.id AS uuid)
                AND open_seq <= e.seq
            ORDER BY open_seq DESC LIMIT 1
        ) s
        WHERE s.close_seq > e.seq
    ) version
    JOIN ledger.entries v ON v.seq = version.open_seq
    LEFT JOIN LATERAL (
        SELECT string_agg(convert_to(to_json(section) || ':', 'UTF8') || value, ',') AS sections
        FROM ledger.payloads WHERE seq = v.seq
    ) payload ON true
    LEFT JOIN LATERAL (
        SELECT convert_to(string_agg(to_json(section) || ':' || to_json(ground), ','), 'UTF8')
            AS grounds
        FROM ledger.erased WHERE seq = v.seq
    ) erasure ON true
) versions ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(wanted.id, a.names) AS actors
    FROM (
        SELECT jsonb_array_elements_text(event.touches -> 'actors')
        UNION ALL
        SELECT jsonb_array_elements_text(jsonb_array_elements(versions.actors))
    ) wanted (id)
    CROSS JOIN LATERAL (
        SELECT names FROM projections.actors
        WHERE generation = live.actors AND id = wanted.id AND open_seq <= e.seq
        ORDER BY open_seq DESC LIMIT 1
    ) a
) named ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(wanted.id, jsonb_build_object(
        'label', t.label, 'proposition', t.proposition)) AS topics
    FROM jsonb_array_elements_text(event.touches -> 'topics') AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT label, proposition FROM projections.topics
        WHERE generation = live.topics AND id = wanted.id AND open_seq <= e.seq
        ORDER BY open_seq DESC LIMIT 1
    ) t
) labelled ON true
WHERE e.seq = ANY (CAST(:seqs AS bigint[]))
