"""Pages for those who run the service: the ledger, the projections, the webhooks."""
