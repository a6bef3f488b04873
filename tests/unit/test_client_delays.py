"""How long a client waits before it repeats a request, whatever a server asks for."""

import httpx2
import pytest

from onrecord.client.retries import Attempts


@pytest.mark.parametrize("asked", ["100000000", "inf", "nan", "-5", "soon"])
def test_a_retry_after_beyond_reason_is_not_believed(asked: str) -> None:
    delay = Attempts(None, 1).delay_after(httpx2.Response(503, headers={"Retry-After": asked}))
    assert delay is not None
    assert 0 <= delay < 60


def test_a_retry_after_is_waited_for() -> None:
    delay = Attempts(None, 1).delay_after(httpx2.Response(503, headers={"Retry-After": "7"}))
    assert delay is not None
    assert delay >= 7
