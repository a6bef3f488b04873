-- The sizes that projections have reached, as {name: size}; and that of the ledger, null on a
-- replica, whose ledger is behind that of the primary.
SELECT
    (
        SELECT coalesce(jsonb_object_agg(name, size), '{}')
        FROM projections.checkpoints
        WHERE live
    ) AS projections,
    CASE WHEN NOT pg_is_in_recovery() THEN projections.ledger_size() END AS ledger
