"""Processes: spawning children, running Celery workers, garbage collector settings."""
