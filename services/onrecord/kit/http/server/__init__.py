"""The HTTP server's bounds on time, memory and connections."""
