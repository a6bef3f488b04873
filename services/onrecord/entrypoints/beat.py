"""Celery beat as a process: `python -m onrecord.entrypoints.beat`. One is enough."""

from onrecord.kit import celery, logs
from onrecord.kit.settings import load_remote
from onrecord.projections import tasks
from onrecord.webhooks import tasks as webhooks


def main() -> None:
    """Send the sweep on its schedule, kept in memory: a restart starts it anew."""
    settings = load_remote()
    logs.configure("beat")
    assert settings.broker_url
    app = celery.make(settings.broker_url.get_secret_value())
    tasks.schedule(app)
    webhooks.schedule_wake(app)
    app.Beat(scheduler_cls="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()


if __name__ == "__main__":
    main()
