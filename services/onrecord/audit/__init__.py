"""The audit API: the record itself, to be replayed and verified by auditors who trust nobody."""
