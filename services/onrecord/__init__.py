"""onrecord: who said what, what they therefore stood for, and what was known of it when."""
