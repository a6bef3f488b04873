-- For each statement of a request: current statements with the same words or address.
--
-- Parameters: params, a JSON array of {n, doc}. A row for each, with its n. The function belongs to
-- the projections, whose tables the write API may not read.
SELECT
    request.n,
    coalesce(
        (
            SELECT jsonb_agg(jsonb_build_array(found.id, found.why, found.size))
            FROM projections.similar_statements(request.doc) found
        ),
        '[]'
    ) AS similar
FROM jsonb_to_recordset(CAST(:params AS jsonb)) request (n integer, doc jsonb)
