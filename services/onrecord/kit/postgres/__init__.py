"""Embedded PostgreSQL: binaries, data folder, server process."""
