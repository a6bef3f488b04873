-- The newest commit of the ledger.
SELECT size, root FROM ledger.commits ORDER BY size DESC LIMIT 1
