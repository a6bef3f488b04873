"""Celery beat as a process: `python -m onrecord.entrypoints.beat`. A second does no harm."""

from onrecord.entrypoints.start import start_process
from onrecord.kit import celery
from onrecord.kit.settings import addresses
from onrecord.kit.telemetry.task_log import install_task_log
from onrecord.projections import tasks as projection_tasks
from onrecord.webhooks import tasks as webhook_tasks


def main() -> None:
    """Send the sweeps on their schedule, which is kept in memory only."""
    _, broker = addresses(start_process("beat"))
    app = celery.create_celery(broker)
    install_task_log()
    projection_tasks.schedule_sweeps(app)
    webhook_tasks.schedule_wake(app)
    app.Beat(scheduler_cls="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()


if __name__ == "__main__":
    main()
