"""The domain: events, references, and the rules for recording them. No I/O, no framework."""
