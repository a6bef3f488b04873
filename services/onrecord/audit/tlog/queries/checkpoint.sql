-- The newest signed checkpoint, with its cosignatures. Result: a row; none before the first
-- signature.
SELECT newest.size, newest.root, newest.note || coalesce((
    SELECT string_agg(cosignatures.line, '' ORDER BY cosignatures.vkey)
    FROM signing.cosignatures WHERE cosignatures.size = newest.size
), '') AS note
FROM (SELECT * FROM signing.checkpoints ORDER BY size DESC LIMIT 1) newest
