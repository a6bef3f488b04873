"""Webhook deliverer as a process: `python -m onrecord.entrypoints.deliverer`.

Any number may run.
"""

import os
import signal

from celery.signals import worker_init, worker_shutdown

from onrecord.entrypoints.start import start_process
from onrecord.kit import celery
from onrecord.kit.processes import celery_worker
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.settings import addresses
from onrecord.kit.sql import db
from onrecord.kit.telemetry.queue_depth import report_queue_depth
from onrecord.kit.telemetry.task_log import install_task_log
from onrecord.webhooks import tasks as webhook_tasks
from onrecord.webhooks.delivery.connection import SETTINGS
from onrecord.webhooks.delivery.deliverer import Deliverer
from onrecord.webhooks.encryption import SecretCipher


def main() -> None:
    """Deliver until SIGTERM, which lets requests in flight finish. Celery tasks only wake it up."""
    settings = start_process("deliverer", secrets=True)
    url, broker = addresses(settings)
    deliverer = Deliverer(
        db.conninfo(url, role="onrecord_webhooks", **SETTINGS),
        settings.egress_allow,
        settings.public_url,
        SecretCipher(settings.secrets_keys),
        lambda: os.kill(os.getpid(), signal.SIGTERM),  # its supervisor starts it again
    )
    app = celery.create_celery(broker)
    install_task_log()
    report_queue_depth(app, webhook_tasks.QUEUE)
    webhook_tasks.register_wake(app, deliverer.wake)
    tune_gc()
    # By signals, so that it delivers from the start, also while the broker is away.
    worker_init.connect(lambda **_: deliverer.start(), weak=False)
    worker_shutdown.connect(lambda **_: deliverer.stop(), weak=False)
    celery_worker.run_worker(app, webhook_tasks.QUEUE)


if __name__ == "__main__":
    main()
