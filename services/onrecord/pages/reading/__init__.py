"""Pages to read, one file a kind of page."""
