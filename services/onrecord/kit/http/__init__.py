"""What every API shares: problems, strict JSON, paging, health, metrics."""
