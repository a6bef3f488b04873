"""Importer: files of statements into the write API, with a dry run and resumption after a cut."""
