"""Formats of transparency logs, as C2SP publishes them (c2sp.org), and the RFC 6962 tree below."""
