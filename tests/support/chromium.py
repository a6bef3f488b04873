"""A headless Chromium, driven by the Chrome DevTools Protocol over a WebSocket.

Used by tests of pages that a person fills in. What a script of the page does is done by it, under
its own `Content-Security-Policy`; files are chosen and keys pressed by the browser.
"""

import asyncio
import itertools
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.support.processes import until

SECONDS: Final = 120


class BrowserPage:
    """One tab. Its methods wait for the browser's answers."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._loop = asyncio.new_event_loop()
        self._ids = itertools.count(1)
        self._session = ""
        self._http: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse
        self.problems: list[str] = []
        """What the console reported: errors, and breaches of the page's policy."""
        self._loop.run_until_complete(self._open())

    def go(self, url: str) -> None:
        """Load an address, and wait until its scripts ran."""
        self._call("Page.navigate", url=url)
        until(lambda: self.evaluate("document.readyState") == "complete", "the page is loaded")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self, selector: str) -> str:
        """What a reader sees of an element."""
        return str(self.evaluate(f"document.querySelector({selector!r}).innerText"))

    def choose_file(self, selector: str, file: Path) -> None:
        self._call("DOM.setFileInputFiles", files=[str(file)], nodeId=self._node(selector))

    def drop_file(self, file: Path) -> None:
        """Drop a file on the middle of the page."""
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for step in ("dragEnter", "dragOver", "drop"):
            self._call("Input.dispatchDragEvent", type=step, x=200, y=200, data=data)

    def type_into(self, selector: str, text: str) -> None:
        """Replace the text of a field, as if pasted."""
        self.evaluate(f"document.querySelector({selector!r}).select()")
        self._call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({selector!r}).click()")

    def close(self) -> None:
        self._loop.run_until_complete(self._http.close())
        self._loop.close()

    def _node(self, selector: str) -> int:
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        return int(self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])

    async def _open(self) -> None:
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(self._address, max_msg_size=0)
        target = await self._send("Target.createTarget", url="about:blank")
        attached = await self._send(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self._send(f"{domain}.enable")

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._loop.run_until_complete(self._send(method, **params))

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": params, **session})
        while True:
            message = await self._socket.receive_json(timeout=SECONDS)
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
            self.problems.append(str(message["params"]))


@contextmanager
def open_page(profile: Path) -> Iterator[BrowserPage]:
    """A tab of a new Chromium, with its profile in this folder; skips where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not on this machine: apt-get install chromium")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0")
    process = subprocess.Popen(
        [program, *options, f"--user-data-dir={profile}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    port_file = profile / "DevToolsActivePort"
    try:
        until(lambda: port_file.exists() and "\n" in port_file.read_text(), "Chromium listens")
        port, path = port_file.read_text().split()
        page = BrowserPage(f"ws://127.0.0.1:{port}{path}")
        yield page
        page.close()
    finally:
        process.terminate()
        process.wait()
