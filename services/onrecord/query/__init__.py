"""The read door: what is, and what was, somebody's position; and what was known of it when."""
