"""The deliverer as a process: `python -m onrecord.entrypoints.deliverer`. Any number may run."""

import os
import signal

from celery.signals import worker_init, worker_shutdown

from onrecord.kit import celery, logs
from onrecord.kit.processes import celery_worker
from onrecord.kit.processes.gc_tuning import spare_collector
from onrecord.kit.settings import load_remote
from onrecord.kit.sql import db
from onrecord.webhooks import tasks
from onrecord.webhooks.delivery.connection import SETTINGS
from onrecord.webhooks.delivery.deliverer import Deliverer


def main() -> None:
    """Deliver until SIGTERM, which lets what is in flight land. Its tasks only wake it."""
    settings = load_remote()
    logs.configure("deliverer")
    assert settings.database_url and settings.broker_url
    url = settings.database_url.get_secret_value()
    deliverer = Deliverer(
        db.conninfo(url, role="onrecord_webhooks", **SETTINGS),
        settings.egress_allow,
        lambda: os.kill(os.getpid(), signal.SIGTERM),  # to be started again
    )
    app = celery.make(settings.broker_url.get_secret_value())
    tasks.register_wake(app, deliverer.wake)
    spare_collector()
    # It delivers from the start, also while the broker is away.
    worker_init.connect(lambda **_: deliverer.start(), weak=False)
    worker_shutdown.connect(lambda **_: deliverer.stop(), weak=False)
    celery_worker.run(app, tasks.QUEUE, pool="solo")


if __name__ == "__main__":
    main()
