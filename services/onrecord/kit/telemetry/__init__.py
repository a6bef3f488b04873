"""Telemetry of processes that is not HTTP: origins of tasks, their log, metrics and traces."""
