"""All that `onrecord up` runs, as processes, and a writer. Called by the benches of latency."""

import http.client
import time
from contextlib import ExitStack
from typing import Any

import bench
import delivering
import orjson
import serving
import statements

HEADERS = {"Content-Type": "application/json"}


class Stage:
    """The product's own processes on a database of their own."""

    def __init__(self, stack: ExitStack, server: str, name: str) -> None:
        self.url = bench.migrated(server, name)
        self.port = delivering.free_port()
        more = {"ONRECORD_PORT": str(self.port)}
        for process in ("local_api", "worker", "deliverer", "beat"):
            stack.enter_context(delivering.process(process, self.url, **more))
        delivering.wait_for(self._ready, "all is ready", seconds=60)
        serving.send(self.port, serving.cast_lines())
        self._conn = serving.connection(self.port)
        self._posted = 0

    def _ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz", None, conn=serving.connection(self.port))[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: Any, *, conn: http.client.HTTPConnection | None = None
    ) -> tuple[int, Any]:
        wire = conn or self._conn
        wire.request(method, path, None if body is None else orjson.dumps(body), HEADERS)
        answer = wire.getresponse()
        text = answer.read()
        return answer.status, orjson.loads(text) if text else None

    def endpoint(self, address: str) -> str:
        status, made = self.ask("POST", "/v1/endpoints", {"url": address})
        assert status == 201, made
        return str(made["id"])

    def post(
        self, *, conn: http.client.HTTPConnection | None = None, **more: Any
    ) -> tuple[dict[str, Any], float]:
        """Post the next statement, `more` in its body: what was answered, and when it began."""
        body = statements.body(self._posted) | more
        self._posted += 1
        at = time.time()
        status, told = self.ask("POST", "/v1/statements", body, conn=conn)
        assert status == 201, told
        return told, at
