"""A backup of a running `onrecord up`, restored into an empty folder, which goes on from there."""

import shutil
import signal
from pathlib import Path

from onrecord.client import endpoints, writes
from onrecord.client.parameters import AtSize
from onrecord.client.webhooks import verify_webhook
from onrecord.ingest.schemas import ActorIn
from onrecord.kit.postgres.embedded import url_of_running_server
from onrecord.signing.kept_checkpoint import read_kept
from onrecord.webhooks.api.requests import EndpointIn
from tests.support.commands import User, user
from tests.support.processes import until
from tests.support.receiver import run_receiver
from tests.support.recording import can_read_actor

OUTSIDE = ("key", "secrets.key", "log.key", "checkpoint")
"""Files of the data folder that are in no backup."""


def signed_size(data: Path) -> int:
    kept = read_kept(data / "checkpoint")
    return kept.checkpoint.size if kept else 0


def is_writing(operator: User) -> bool:
    return bool(list(operator.folder.glob(".interrupted*")))


def interrupt_backup(operator: User) -> int:
    """The exit code of a backup that gets SIGINT while it writes its file."""
    process = operator.start("backup", "interrupted.backup")
    while not is_writing(operator) and process.poll() is None:
        pass  # it writes for some milliseconds only
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    return int(process.returncode)


def test_a_record_goes_on_in_an_empty_folder() -> None:
    with user() as operator, run_receiver() as receiver:
        operator.settings["ONRECORD_EGRESS_ALLOW"] = "127.0.0.1/32"
        data = operator.folder / ".onrecord"
        with operator.up(), operator.client() as client:
            new = EndpointIn(url=receiver.url(), types=("actor.registered",))
            endpoint = client.send(endpoints.create_endpoint(new))
            size = client.send(writes.register_actor(ActorIn(id="emma", kind="person"))).size
            at = AtSize(min_size=size)
            until(lambda: can_read_actor(client, "emma", at), "the actor is readable")
            until(lambda: bool(receiver.requests), "its webhook arrives")
            assert 0 == operator.run("backup", "record.backup")[0]
            # signed at least as far as the backup
            until(lambda: signed_size(data) >= size, "the head is signed")
        # an interrupted one leaves nothing, and no server
        for _ in range(20):
            if (code := interrupt_backup(operator)) != 0:
                break
            (operator.folder / "interrupted.backup").unlink()  # it ended before the signal
        assert 130 == code
        assert [] == list(operator.folder.glob("*interrupted*"))
        assert url_of_running_server(data) is None
        lost = operator.folder / "lost"
        data.rename(lost)
        code, output = operator.run("restore", "record.backup")
        assert (0, True) == (code, "log.key" in output)
        for name in OUTSIDE:
            shutil.copy2(lost / name, data / name)
        assert 0 == operator.run("replay")[0]
        with operator.up(), operator.client() as client:
            size = client.send(writes.register_actor(ActorIn(id="noah", kind="person"))).size
            # the same key signs the same log, and the same secret the webhook
            until(lambda: signed_size(data) >= size, "the log goes on")
            until(lambda: size - 1 in receiver.seqs(), "its webhook arrives")
            newest = receiver.at("/hook")[-1]
            assert endpoint.secret
            verify_webhook(newest.body, newest.headers, endpoint.secret)
        assert 1 == operator.run("restore", "record.backup")[0]
