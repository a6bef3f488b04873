"""The Celery worker as a process: `python -m onrecord.entrypoints.worker`. Any number may run."""

from onrecord.kit import celery, logs
from onrecord.kit.processes import celery_worker
from onrecord.kit.processes.gc_tuning import spare_collector
from onrecord.kit.settings import load_remote
from onrecord.kit.sql import db
from onrecord.projections import tasks
from onrecord.projections.engine import catch_up
from onrecord.webhooks import fan_out, purge
from onrecord.webhooks import tasks as webhooks


def main() -> None:
    """Answer bells and sweeps until SIGTERM, which lets the task under way finish."""
    settings = load_remote()
    logs.configure("worker")
    assert settings.database_url and settings.broker_url
    app = celery.make(settings.broker_url.get_secret_value())
    url = settings.database_url.get_secret_value()
    # what is to be delivered waits for the disk, as the folds need not
    listening = db.engine(url, role="onrecord_webhooks", plan_cache_mode="force_custom_plan")

    def tell() -> None:
        if fan_out.fan_out(listening):
            webhooks.send_wake(app)
        purge.purge_deleted_endpoints(listening)

    folding = db.engine(url, role="onrecord_projections", **catch_up.SETTINGS)
    tasks.register(app, folding, then=(tell,), engines=(listening,))
    spare_collector()  # before the worker forks: its processes share what is frozen
    celery_worker.run(app, celery.QUEUE, concurrency=settings.worker_processes)


if __name__ == "__main__":
    main()
