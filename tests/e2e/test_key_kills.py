"""`onrecord keys`, killed between the ledger and the table of keys."""

import signal
from collections.abc import Callable

import psycopg

from onrecord.domain.events import KeyCreated, KeyRevoked
from onrecord.ledger.append import LOCK_KEY
from tests.support.commands import User, user
from tests.support.processes import until
from tests.support.store import Store

CREATE = ("keys", "create", "--name", "desk", "--scope", "read")


def kill_when(condition: Callable[[], bool], in_folder: User, *arguments: str) -> None:
    process = in_folder.start(*arguments)
    until(condition, f"{arguments} waits", pause=0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_killed_command_leaves_what_a_repeat_completes(store: Store) -> None:
    with (
        user() as somebody,
        psycopg.connect(store.url) as conn,
        psycopg.connect(store.url, autocommit=True) as observer,
    ):
        somebody.settings["ONRECORD_DATABASE_URL"] = store.url

        def count(table: str) -> int:
            row = observer.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            return row[0] if row else 0

        conn.execute("LOCK TABLE access.keys IN SHARE MODE")  # its rows can be read, not added
        kill_when(lambda: count("ledger.entries") == 1, somebody, *CREATE)
        observer.execute(  # or it would insert the row after the death of its client
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        conn.rollback()
        assert [type(event.event) for event in store.events()] == [KeyCreated]
        assert count("access.keys") == 0
        assert somebody.run(*CREATE)[0] == 0
        assert count("access.keys") == 1

        created = store.events()[1].id
        conn.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        is_revoked = "access.keys WHERE revoked_at IS NOT NULL"
        kill_when(lambda: count(is_revoked) == 1, somebody, "keys", "revoke", str(created))
        conn.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
        assert KeyRevoked(key=created) not in [event.event for event in store.events()]
        assert somebody.run("keys", "revoke", str(created))[0] == 0
        assert [KeyRevoked(key=created)] == [event.event for event in store.events()[2:]]
