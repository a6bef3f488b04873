"""The write API: validates bodies, records them in the ledger and answers."""
