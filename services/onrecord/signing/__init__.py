"""Signing of the ledger's head: checkpoints, the log's key, and cosignatures of witnesses."""
