-- How many payload sections are erased in each range of seqs that has any.
--
-- Parameters: per_file: the length of a range.
SELECT seq / CAST(:per_file AS bigint) AS number, count(*) AS sections
FROM ledger.erased GROUP BY number
