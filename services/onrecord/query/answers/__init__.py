"""Answers of the read API: their models, the sentences in them, and how rows become answers."""
