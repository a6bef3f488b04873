-- Current statements with the same words or address as a statement's document, words first.
--
-- Parameters: doc. The function belongs to the projections, whose tables the write API may not
-- read.
SELECT other.id, other.why, other.size
FROM projections.similar_statements(CAST(:doc AS jsonb)) other
