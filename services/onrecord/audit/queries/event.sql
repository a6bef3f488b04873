-- One event by its id, as a line of JSON. See events.sql.
--
-- Parameters: id. Result: one row; lines is empty where there is no such event.
SELECT
    coalesce(string_agg(
        '{"entry":'::bytea || entries.entry
            || ',"payload":{' || coalesce(payload.sections, '')
            || '},"erased":{' || coalesce(erasure.grounds, '') || E'}}\n',
        ''
    ), '') AS lines
FROM ledger.entries
LEFT JOIN LATERAL (
    SELECT string_agg(
        convert_to(
            '"' || section || '":{"salt":"' || encode(salt, 'hex') || '","value":', 'UTF8'
        ) || value || '}', ',' ORDER BY section
    ) AS sections
    FROM ledger.payloads WHERE payloads.seq = entries.seq
) payload ON true
LEFT JOIN LATERAL (
    SELECT convert_to(
        string_agg(to_json(section) || ':' || to_json(ground), ',' ORDER BY section), 'UTF8'
    ) AS grounds
    FROM ledger.erased WHERE erased.seq = entries.seq
) erasure ON true
WHERE entries.id = CAST(:id AS uuid)
