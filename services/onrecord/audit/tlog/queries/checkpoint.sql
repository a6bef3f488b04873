-- A signed checkpoint, with its cosignatures. Parameters: size: its size, null for the newest.
-- Result: a row; none before the first signature.
SELECT chosen.size, chosen.root, chosen.note || coalesce((
    SELECT string_agg(cosignatures.line, '' ORDER BY cosignatures.key)
    FROM signing.cosignatures WHERE cosignatures.size = chosen.size
), '') AS note
FROM (
    SELECT * FROM signing.checkpoints
    WHERE size <= coalesce(CAST(:size AS bigint), 9223372036854775807) ORDER BY size DESC LIMIT 1
) chosen
