"""Infrastructure that does not know the domain: settings, logs, Celery, HTTP, SQL, processes."""
