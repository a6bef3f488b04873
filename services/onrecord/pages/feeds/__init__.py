"""Feeds of the record: Atom and JSON Feed."""
