"""Celery worker as a process: `python -m onrecord.entrypoints.worker`. Any number may run.

It has no pool of child processes: run two or more of it, so that one takes over when one dies.
"""

from onrecord.entrypoints.start import start_process
from onrecord.kit import celery
from onrecord.kit.processes import celery_worker
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.settings import addresses
from onrecord.kit.sql import db
from onrecord.kit.telemetry.queue_depth import report_queue_depth
from onrecord.kit.telemetry.task_log import install_task_log
from onrecord.projections import tasks as projection_tasks
from onrecord.projections.engine import catch_up
from onrecord.webhooks import fan_out, purge
from onrecord.webhooks import tasks as webhook_tasks


def main() -> None:
    """Run catch-up, sweep and rebuild tasks until SIGTERM, which lets the current one finish."""
    settings = start_process("worker")
    url, broker = addresses(settings)
    app = celery.create_celery(broker)
    install_task_log()
    report_queue_depth(app, celery.QUEUE)
    # Deliveries are committed synchronously, unlike projections, which can be folded again.
    webhooks = db.engine(url, role="onrecord_webhooks", plan_cache_mode="force_custom_plan")

    def queue_deliveries() -> None:
        if fan_out.fan_out(webhooks):
            webhook_tasks.send_wake(app)
        purge.purge_endpoints(webhooks)

    projections = db.engine(url, role="onrecord_projections", **catch_up.FOLDING_SETTINGS)
    projection_tasks.register_projection_tasks(app, projections, after_hooks=(queue_deliveries,))
    tune_gc()
    celery_worker.run_worker(app, celery.QUEUE)


if __name__ == "__main__":
    main()
