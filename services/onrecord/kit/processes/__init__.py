"""Child processes, Celery workers and their garbage collection."""
