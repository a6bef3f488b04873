"""Comparison of a quote with words on record. Used by the read API's check of quotes."""
