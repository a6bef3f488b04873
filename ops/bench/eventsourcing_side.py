"""The `eventsourcing` library's PostgreSQL recorder, in a process and an environment of its own.

Run by `competitors.py` with the Python that has the library: for each number on stdin it has that
many events recorded by 32 threads, one event a call, and prints the seconds that it took.
"""

import json
import os
import sys
import threading
import time
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresFactory

THREADS = 32


def run(recorder, events):
    """Record the events, one a call, from as many threads; the seconds it took."""
    go = threading.Event()
    shares = [events[n::THREADS] for n in range(THREADS)]
    threads = [threading.Thread(target=record, args=(recorder, share, go)) for share in shares]
    for thread in threads:
        thread.start()
    start = time.perf_counter()
    go.set()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def record(recorder, events, go):
    go.wait()
    for event in events:
        recorder.insert_events([event])


def main():
    size = int(sys.argv[1])
    factory = PostgresFactory(dict(os.environ))  # POSTGRES_*, set by competitors.py
    recorder = factory.application_recorder()
    state = json.dumps({"text": "x" * (size - 12)}).encode()
    assert len(state) == size, len(state)
    print("ready", flush=True)
    for line in sys.stdin:
        events = [StoredEvent(uuid4(), 1, "bench:Said", state) for _ in range(int(line))]
        before = recorder.max_notification_id() or 0
        seconds = run(recorder, events)
        assert recorder.max_notification_id() == before + len(events)
        print(seconds, flush=True)
    factory.close()


if __name__ == "__main__":
    main()
