"""Celery beat as a process: `python -m onrecord.entrypoints.beat`. A second does no harm."""

from onrecord.kit import celery, logs
from onrecord.kit.settings import addresses, load_process_settings
from onrecord.projections import tasks as projection_tasks
from onrecord.webhooks import tasks as webhook_tasks


def main() -> None:
    """Send the sweeps on their schedule, which is kept in memory only."""
    _, broker = addresses(load_process_settings())
    logs.configure("beat")
    app = celery.create_celery(broker)
    projection_tasks.schedule_sweeps(app)
    webhook_tasks.schedule_wake(app)
    app.Beat(scheduler_cls="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()


if __name__ == "__main__":
    main()
