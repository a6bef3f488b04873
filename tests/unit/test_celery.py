"""Celery configuration: queues and their routing keys."""

import pytest

from onrecord.kit import celery


@pytest.mark.parametrize("broker", ["amqp://nowhere//", "pgmq://nowhere/x"])
def test_each_queue_has_its_own_routing_key(broker: str) -> None:
    app = celery.create_celery(broker)
    bindings = {
        queue.name: (queue.exchange.name, queue.routing_key) for queue in app.conf.task_queues
    }
    assert {name: ("onrecord", name) for name in celery.QUEUES} == bindings
