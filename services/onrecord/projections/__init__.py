"""What follows from the ledger: tables that answer one question each. Owns schema `projections`."""
