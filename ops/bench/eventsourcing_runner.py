"""The `eventsourcing` library's projection runner, in a process and an environment of its own.

Run by `catch_up.py` with the Python that has the library: for each number on stdin it records that
many events, which is not timed, has its runner fold them into a table, and prints the seconds that
took. The projection follows its documentation: a row and the tracking in one transaction.
"""

import sys
import time

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

EVENTS_A_SAVE = 500


class Position(Aggregate):
    @event("Changed")
    def __init__(self, actor, topic, stance, effective, summary):
        self.actor, self.topic, self.stance = actor, topic, stance
        self.effective, self.summary = effective, summary


class Record(Application):
    pass


class Positions(PostgresTrackingRecorder):
    def __init__(self, datastore, **more):
        super().__init__(datastore, **more)
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS positions (id uuid PRIMARY KEY, actor text, topic text,"
                " stance text, effective date, summary text)"
            )
        )

    def add(self, changed, tracking):
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO positions VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    changed.originator_id,
                    *(changed.actor, changed.topic, changed.stance),
                    *(changed.effective, changed.summary),
                ],
                prepare=True,
            )


class Folded(Projection[Positions]):
    name = "positions"

    @singledispatchmethod
    def process_event(self, domain_event, tracking):
        raise NotImplementedError

    @process_event.register
    def changed(self, domain_event: Position.Changed, tracking):
        self.view.add(domain_event, tracking)


def create_position(n):
    return Position(f"actor-{n % 50}", f"topic-{n % 20}", "support", "2022-01-01", f"Held {n}")


def main():
    app = Record()
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line)
        for start in range(0, count, EVENTS_A_SAVE):
            app.save(*(create_position(n) for n in range(start, min(start + EVENTS_A_SAVE, count))))
        last = app.recorder.max_notification_id()
        start = time.perf_counter()
        with ProjectionRunner(
            application_class=Record, projection_class=Folded, view_class=Positions
        ) as runner:
            runner.wait(last, timeout=600)
            seconds = time.perf_counter() - start
        print(seconds, flush=True)
    app.close()


if __name__ == "__main__":
    main()
