"""The embedded PostgreSQL server: binaries, data folder, process."""
