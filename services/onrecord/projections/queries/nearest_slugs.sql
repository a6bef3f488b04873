-- The three slugs that are most like one, of actors or topics, whether folded yet or not.
--
-- Parameters: kind, slug.
SELECT nearest.slug FROM projections.nearest_slugs(:kind, :slug) nearest (slug)
