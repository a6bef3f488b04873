"""Lists of every API: pages as JSON, NDJSON and CSV, one by one or streamed to the end."""
