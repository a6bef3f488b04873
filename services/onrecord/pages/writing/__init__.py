"""Pages to write, one file a kind of page. Their forms become request models of the write API."""
