"""The append-only record: one strict order, exact bytes, nothing edited. Owns schema `ledger`."""
