"""Logging of a process: whatever writes or ends it, its output is JSON lines."""

import json
import subprocess
import sys

PROCESS = """
import asyncio, logging, threading, warnings
import structlog
from onrecord.kit import logs

logs.configure("a process")
structlog.get_logger().info("ours", half="\\ud800", number=2**70, object=object())
logging.getLogger("library").warning("theirs: %s", "x")
logging.getLogger("library").warning("broken: %d", "x")
warnings.warn("a warning\\nof two lines")

def fail(*_):
    raise ValueError("in a thread\\nor a callback")

thread = threading.Thread(target=fail, name="unlucky")
thread.start()
thread.join()

async def main():
    asyncio.get_running_loop().call_soon(fail)
    asyncio.create_task(asyncio.sleep(0)).add_done_callback(fail)
    await asyncio.sleep(0.01)

asyncio.run(main())

class Unraisable:
    def __del__(self):
        fail()

Unraisable()
fail()
"""


def test_warnings_errors_of_libraries_and_of_threads_and_the_last_one_are_json_lines() -> None:
    command = [sys.executable, "-c", PROCESS]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (1, "") == (ended.returncode, ended.stdout)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {"a process"} == {line["process"] for line in lines}
    assert all(line["event"] and line["level"] and line["timestamp"] for line in lines)
    events = [line["event"] for line in lines]
    assert ["ours", "theirs: x"] == events[:2]
    assert "a warning" in events[2]
    assert ["uncaught in a thread", "cannot be raised", "uncaught"] == [
        event for event in events if event.startswith(("uncaught", "cannot"))
    ]
    assert 5 == sum("or a callback" in line.get("exception", "") for line in lines)
