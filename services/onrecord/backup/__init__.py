"""Backups: all tables of one moment in one file, and their restoration into an empty database."""
