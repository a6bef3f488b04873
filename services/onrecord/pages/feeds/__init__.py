"""Feeds of the record, Atom and JSON Feed, and the digest page."""
