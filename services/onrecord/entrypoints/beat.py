"""Celery beat as a process: `python -m onrecord.entrypoints.beat`. One is enough."""

from onrecord.kit import celery, logs
from onrecord.kit.settings import load_process_settings
from onrecord.projections import tasks
from onrecord.webhooks import tasks as webhooks


def main() -> None:
    """Send the sweep on its schedule, kept in memory: a restart starts it anew."""
    settings = load_process_settings()
    logs.configure("beat")
    assert settings.broker_url
    app = celery.create_celery(settings.broker_url.get_secret_value())
    tasks.schedule(app)
    webhooks.schedule(app)
    app.Beat(scheduler_cls="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()


if __name__ == "__main__":
    main()
