"""The processes of `onrecord up`, and a writer. Used by the benchmarks of latency."""

import asyncio
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


class Deployment:
    """The processes of `onrecord up` on a new database."""

    def __init__(self, stack: ExitStack, server: str, name: str) -> None:
        self.url = bench.migrated(server, name)
        self.port = delivering.free_port()
        asyncio.run(serving.create_key(self.url))
        more = {"ONRECORD_PORT": str(self.port), "ONRECORD_RATE_PER_KEY": serving.RATE}
        for process in ("local_api", "worker", "deliverer", "beat"):
            stack.enter_context(delivering.process(process, self.url, **more))
        delivering.wait_for(self._ready, "all is ready", seconds=60)
        serving.send(self.port, serving.cast_lines())
        self._conn = serving.connection(self.port)
        self._posted = 0

    def _ready(self) -> bool:
        try:
            return (
                self.request("GET", "/readyz", None, conn=serving.connection(self.port))[0] == 200
            )
        except OSError:
            return False

    def request(
        self, method: str, path: str, body: Any, *, conn: http.client.HTTPConnection | None = None
    ) -> tuple[int, Any]:
        wire = conn or self._conn
        wire.request(method, path, None if body is None else orjson.dumps(body), HEADERS)
        answer = wire.getresponse()
        text = answer.read()
        return answer.status, orjson.loads(text) if text else None

    def endpoint(self, address: str) -> str:
        status, endpoint = self.request("POST", "/v1/endpoints", {"url": address})
        assert status == 201, endpoint
        return str(endpoint["id"])

    def post(
        self, *, conn: http.client.HTTPConnection | None = None, **more: Any
    ) -> tuple[dict[str, Any], float]:
        """Post the next statement, with `more` in its body: the response, and the start time."""
        body = statements.body(self._posted) | more
        self._posted += 1
        at = time.time()
        status, recorded = self.request("POST", "/v1/statements", body, conn=conn)
        assert status == 201, recorded
        return recorded, at
