-- The seq of an event. Parameters: id. Result: a row, or none.
SELECT seq FROM ledger.entries WHERE id = CAST(:id AS uuid)
