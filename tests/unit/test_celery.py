"""Does a bell ring in its own queue, and in no other?"""

import pytest

from onrecord.kit import celery


@pytest.mark.parametrize("broker", ["amqp://nowhere//", "pgmq://nowhere/x"])
def test_each_queue_has_a_key_of_its_own(broker: str) -> None:
    app = celery.create_celery(broker)
    bound = {one.name: (one.exchange.name, one.routing_key) for one in app.conf.task_queues}
    assert {one: ("onrecord", one) for one in celery.QUEUES} == bound
