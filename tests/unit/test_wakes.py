"""Is everyone woken who waits for another thread, whoever settles what at which moment?"""

import asyncio
import threading
from concurrent.futures import Future

from onrecord.kit.wakes import Wakes


def test_many_settled_by_another_thread_wake_everyone() -> None:
    async def wait() -> list[int]:
        wakes = Wakes()
        futures: list[Future[int]] = [Future() for _ in range(500)]

        def settle() -> None:
            for n, future in enumerate(futures):
                future.set_result(n)

        threading.Thread(target=settle).start()
        await asyncio.gather(*map(wakes.done, futures))
        return [future.result() for future in futures]

    assert list(range(500)) == asyncio.run(asyncio.wait_for(wait(), 10))


def test_who_is_cancelled_withdraws_what_it_waited_for() -> None:
    async def wait() -> bool:
        future = Future[int]()
        waiting = asyncio.create_task(Wakes().done(future))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return future.cancelled()

    assert asyncio.run(wait())
