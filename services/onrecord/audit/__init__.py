"""The audit API: events byte for byte, live streams, replay, progress of projections."""
