"""Key checks of a request that lasts: a live stream, a long batch, a slow body.

Used by `authentication`, which checks a key when a request begins. A stream or a batch may last for
hours, so its key is checked again with what it receives and sends.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import Message, Receive, Send

from onrecord.kit.http.problems import Problem

CHECK_INTERVAL: Final = 1.0
"""Seconds after a check in which messages pass without another one."""


class KeyEnded(Exception):
    """The key of a request whose answer has begun is valid no more: the answer is cut off."""


class LongRequest:
    """`receive` and `send` of a request with a key. `check_key` raises a `Problem` of the key."""

    def __init__(
        self, check_key: Callable[[], Awaitable[None]], receive: Receive, send: Send
    ) -> None:
        self._check_key, self._receive, self._send = check_key, receive, send
        self._checked_at = time.monotonic()
        self._is_answered = False

    async def receive(self) -> Message:
        """The next message, if the key is valid when it comes. Raises `Problem` or `KeyEnded`."""
        message = await self._receive()
        if message["type"] == "http.request":
            await self._check()
        return message

    async def send(self, message: Message) -> None:
        """Send a message; a part of a stream only while the key is valid. Raises `KeyEnded`.

        An answer in one part is sent: its client must learn what was done.
        """
        if message["type"] == "http.response.start":
            self._is_answered = True
        elif message.get("more_body"):
            await self._check()
        await self._send(message)

    async def _check(self) -> None:
        if time.monotonic() - self._checked_at < CHECK_INTERVAL:
            return
        try:
            await self._check_key()
        except Problem:
            if self._is_answered:
                raise KeyEnded from None
            raise
        self._checked_at = time.monotonic()
