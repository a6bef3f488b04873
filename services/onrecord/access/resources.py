"""Resources of the routes about keys, in the application's lifespan state."""

from typing import Annotated

from fastapi import Depends, Request

from onrecord.access.key_cache import KeyCache
from onrecord.access.registry import KeyRegistry
from onrecord.ledger.dry_run import DryRunner


async def get_key_registry(request: Request) -> KeyRegistry:
    """FastAPI dependency: the registry of keys."""
    registry: KeyRegistry = request.state.key_registry
    return registry


async def get_dry_runner(request: Request) -> DryRunner:
    """FastAPI dependency: dry runs of this process."""
    dry_runner: DryRunner = request.state.dry_runner
    return dry_runner


async def get_key_cache(request: Request) -> KeyCache:
    """FastAPI dependency: the cache of keys of this process."""
    cache: KeyCache = request.state.key_cache
    return cache


KeyRegistryDep = Annotated[KeyRegistry, Depends(get_key_registry)]
DryRunnerDep = Annotated[DryRunner, Depends(get_dry_runner)]
KeyCacheDep = Annotated[KeyCache, Depends(get_key_cache)]
