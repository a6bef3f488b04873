"""What every API shares: problem details, strict input, paging, health checks and metrics."""
