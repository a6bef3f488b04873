"""The ledger as a transparency log (C2SP tlog-tiles), and proofs of single events."""
