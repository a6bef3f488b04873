"""Exporter: the record as Parquet files, read from the database in the role of the audit API."""
