-- The size of the ledger; null on a replica, whose ledger is behind that of the primary.
SELECT CASE WHEN NOT pg_is_in_recovery() THEN projections.ledger_size() END AS size
