"""Garbage collector settings of the processes that serve and fold."""

import gc


def tune_gc() -> None:
    """Collect less often: imported modules stay, and a request or a page leaves no cycles.

    Call it after all imports. With Python's defaults the collector visits every request that waits
    for the ledger, a fourth of a batch's CPU, and every page that is folded, a fifth of that.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
