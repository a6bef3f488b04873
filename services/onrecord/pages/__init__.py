"""HTML pages for readers and editors, over the read functions that the API uses."""
