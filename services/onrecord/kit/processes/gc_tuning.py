"""How often does Python look for cycles of garbage? Called by the processes that serve and fold."""

import gc


def spare_collector() -> None:
    """Look less often: what is imported stays, and what a request or a page makes has no cycles.

    Python's defaults go through everything that waits for the ledger, a fourth of a batch's CPU,
    and through every page that is folded, a fifth of that.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
