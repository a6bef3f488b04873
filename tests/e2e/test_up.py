"""`onrecord up`: starting, supervising and stopping all processes of one machine."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx2
import pytest

from onrecord.kit.postgres import embedded
from onrecord.kit.sql import db
from onrecord.kit.sql.migrations import data_folder
from tests.support.collector import Collector, run_collector
from tests.support.commands import User, all_gone, tree, user
from tests.support.observed import METRICS_PORTS, log_lines, metrics_of, queried_metrics
from tests.support.processes import free_ports, until
from tests.support.receiver import run_receiver
from tests.support.recording import can_read_actor
from tests.support.traces import SECTIONS, places_of, planted_statement, random_word
from tests.support.webhooks import create_endpoint, wait_for_attempts

SEEDS = str(data_folder("seeds"))


@pytest.fixture
def new_user() -> Iterator[User]:
    with user() as in_empty_folder:
        yield in_empty_folder


@dataclass(frozen=True)
class Running:
    """A user whose `up` runs in a folder with a space and a quote in its name."""

    user: User
    process: "subprocess.Popen[str]"
    collector: Collector

    @property
    def superuser_url(self) -> str:
        url = embedded.url_of_running_server(self.user.folder / ".onrecord")
        assert url
        return embedded.as_superuser(url)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """Started once, with the seeds recorded, for tests that leave it in order."""
    with user() as in_empty_folder:
        in_empty_folder.folder /= "it's a folder"
        in_empty_folder.folder.mkdir(mode=0o755)
        in_empty_folder.settings["ONRECORD_EGRESS_ALLOW"] = "127.0.0.1/32"
        in_empty_folder.settings["ONRECORD_METRICS_PORT"] = str(free_ports(METRICS_PORTS))
        with run_collector() as collector:
            in_empty_folder.settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
            with in_empty_folder.up() as process:
                assert in_empty_folder.run("import", SEEDS)[0] == 0
                yield Running(in_empty_folder, process, collector)


def test_ctrl_c_ends_every_process(new_user: User) -> None:
    with new_user.up() as process:
        everything = tree(process)
        assert len(everything) > 8  # API, workers, deliverer, beat, and those of PostgreSQL
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(60)
        until(lambda: all_gone(everything), "all processes are gone", seconds=30)
    lines = log_lines(new_user)  # all of them JSON, those of starting and stopping too
    stopped = {line["file"] for line in lines if line["event"] == "the worker stopped"}
    assert {"worker-1", "worker-2", "deliverer"} == stopped


@pytest.mark.parametrize("line", ["Starting PostgreSQL", "Bringing the schema", "Starting API"])
def test_ctrl_c_while_starting_ends_every_process(new_user: User, line: str) -> None:
    process = new_user.start("up")
    assert process.stdout
    while line not in process.stdout.readline():
        assert process.poll() is None
    everything = tree(process)
    process.send_signal(signal.SIGINT)
    assert 130 == process.wait(60)
    until(lambda: all_gone(everything), "all processes are gone", seconds=30)


def test_processes_end_with_a_killed_up_and_the_next_up_has_the_data(
    new_user: User,
) -> None:
    with new_user.up() as process:
        new_user.run("import", SEEDS)
        everything = tree(process)
        process.kill()
        until(lambda: all_gone(everything), "all processes are gone", seconds=30)
    with new_user.up(), new_user.client() as client:
        until(lambda: can_read_actor(client, "biden"), "the data is folded")


def test_up_works_in_a_folder_with_a_space_and_a_quote_in_its_name(running: Running) -> None:
    assert set(" '") <= set(str(running.user.folder))
    with running.user.client() as client:
        until(lambda: can_read_actor(client, "biden"), "the seeds are folded")


def test_second_up_on_the_same_folder_is_refused_with_the_reason(running: Running) -> None:
    code, output = running.user.run("up", "--port", str(running.user.port + 1))
    assert code == 3
    assert "already runs the database" in output


def test_occupied_port_is_reported_with_the_option_that_helps(new_user: User) -> None:
    with socket.create_server(("127.0.0.1", new_user.port)):
        code, output = new_user.run("up")
    assert code == 3
    assert str(new_user.port) in output
    assert "--port" in output


def test_replay_reports_a_manipulated_row_and_rebuild_repairs_it(running: Running) -> None:
    def caught_up() -> bool:
        items = running.user.get("/v1/projections").json()["items"]
        return {projection["state"] for projection in items} == {"live"}

    until(caught_up, "the projections have caught up", pause=0.05)
    assert running.user.run("replay")[0] == 0
    with db.connect(running.superuser_url) as conn:
        changed = conn.execute(
            "UPDATE projections.steps SET stance = 'mixed' WHERE actor = 'biden'"
            " AND topic = 'talks-with-putin' AND effective = '2022-10-11'"
        ).rowcount
    assert changed == 1
    code, output = running.user.run("replay")
    assert code == 1
    assert "'mixed'" in output
    assert "'conditional_oppose'" in output
    assert running.user.run("rebuild", "positions")[0] == 0
    assert running.user.run("replay")[0] == 0


def test_an_erased_word_is_in_no_log_and_no_table(running: Running) -> None:
    """Written, refused, searched, delivered and answered with before."""
    word, user = random_word(), running.user
    body = planted_statement(word, actor="biden", topics=["talks-with-putin"], id=str(uuid4()))
    address = f"http://127.0.0.1:{user.port}"
    with (
        httpx2.Client(base_url=address, headers=user.headers, timeout=60) as client,
        run_receiver(lambda _: (500, {}, word.encode())) as receiver,
    ):
        endpoint = create_endpoint(client, receiver.url(), types=["statement.made"])
        path = "/v1/statements"
        assert 200 == client.post(path, json=body, params={"dry_run": "1"}).status_code
        assert 201 == client.post(path, json=body).status_code
        assert 422 == client.post(path, json={**body, "said_at": word}).status_code
        assert 422 == client.post(path, json={**body, "said_at": "2022-11-29"}).status_code
        cut, as_json = f'{{"venue": "{word}', {"Content-Type": "application/json"}
        unread = client.post(path, content=cut, headers=as_json)
        for refused in (unread, client.get(f"/v1/events/{word}")):
            assert 400 <= refused.status_code < 500
        until(lambda: word in client.get(path, params={"q": word}).text, "it is found")
        wait_for_attempts(client, endpoint["id"])
        options = [f"--section={section}" for section in SECTIONS]
        code, output = user.run("erase", body["id"], *options, "--ground=gdpr-17", "--yes")
        assert (0, False) == (code, word in output)
        until(lambda: places_of(running.superuser_url, word) == set(), "all is folded", pause=0.5)
        assert word not in client.get(f"/v1/endpoints/{endpoint['id']}/deliveries").text
    data = user.folder / ".onrecord"
    logs = [*data.rglob("*.log"), *(data / "postgres").resolve().rglob("*.log")]
    assert {"server.log", "local_api.log", "deliverer.log"} <= {log.name for log in logs}
    assert [] == [log for log in logs if word in log.read_text()]


@pytest.fixture(scope="module")
def endpoints(running: Running) -> Iterator[dict[str, str]]:
    """The ids of two endpoints, after each got the event of the request `followed`, or refused."""
    user = running.user
    address = f"http://127.0.0.1:{user.port}"
    with (
        httpx2.Client(base_url=address, headers=user.headers, timeout=60) as client,
        run_receiver() as taking,
        run_receiver(lambda _: (500, {}, b"")) as failing,
    ):
        of = {
            name: create_endpoint(client, receiver.url(), types=["actor.registered"])["id"]
            for name, receiver in (("taking", taking), ("failing", failing))
        }
        body = {"id": f"actor-{uuid4().hex}", "kind": "person"}
        for request_id, status in (("followed", 201), ("refused", 422)):
            headers = {"X-Request-ID": request_id}
            assert status == client.post("/v1/actors", json=body, headers=headers).status_code
            body["kind"] = "nonsense"

        def attempted() -> bool:
            return set(of.values()) <= {line.get("endpoint") for line in log_lines(user)}

        until(attempted, "both are attempted", pause=0.2)
        yield of
        for id_ in of.values():
            client.delete(f"/v1/endpoints/{id_}")


def test_a_request_is_followed_from_its_line_to_its_deliveries(
    running: Running, endpoints: dict[str, str]
) -> None:
    """The request id leads to the seq and to the tasks that it woke; the seq to the attempts."""
    lines = log_lines(running.user)
    requests = {line["request_id"]: line for line in lines if line["event"] == "request"}
    followed, refused = requests["followed"], requests["refused"]
    assert ("/v1/actors", 201, 1) == (*(followed[k] for k in ("route", "status", "recorded")),)
    assert ("/v1/actors", 422, "invalid") == (
        *(refused[k] for k in ("route", "status", "problem")),
    )
    woken = [line["process"] for line in lines if "followed" in line.get("request_ids", ())]
    assert "worker" in woken
    attempts = {
        line["endpoint"]: (line["ok"], line["status"], line["level"])
        for line in lines
        if line["event"] == "attempt" and line["seq"] == followed["seq"] and line["attempt"] == 1
    }
    assert {
        endpoints["taking"]: (True, 204, "info"),
        endpoints["failing"]: (False, 500, "warning"),
    } == attempts


def test_a_trace_leads_from_a_request_to_its_task_and_has_no_words(
    running: Running, endpoints: dict[str, str]
) -> None:
    running.user.get("/v1/statements?q=words")
    requests = [line for line in log_lines(running.user) if line["event"] == "request"]
    traces = {line["request_id"]: line["trace_id"] for line in requests}

    def spans_of(trace_id: str) -> set[tuple[str, str]]:
        spans = [span for span in running.collector.spans if span.trace_id == trace_id]
        return {(span.service, span.name) for span in spans}

    task = ("onrecord-worker", "onrecord.projections.catch_up")
    followed = {("onrecord-api", "POST /v1/actors"), task}
    until(lambda: followed <= spans_of(traces["followed"]), "both are exported", pause=0.2)
    until(lambda: "REDACTED" in str(running.collector.spans), "the search is exported", pause=0.2)
    queries = {span.attributes.get("url.query") for span in running.collector.spans}
    assert queries <= {None, "REDACTED"}

    def has_attempt() -> bool:
        return "webhook attempt" in {span.name for span in running.collector.spans}

    until(has_attempt, "an attempt is exported", pause=0.2)


def test_every_metric_of_the_rules_and_the_dashboard_is_served(
    running: Running, endpoints: dict[str, str]
) -> None:
    assert set() == queried_metrics() - metrics_of(running.user)


def test_connections_run_in_the_roles_of_their_packages(running: Running) -> None:
    with db.connect(running.superuser_url) as conn:
        rows = conn.execute(
            "SELECT DISTINCT application_name FROM pg_stat_activity"
            " WHERE application_name LIKE 'onrecord_%'"
        ).fetchall()
    names = {name for (name,) in rows}
    assert {"onrecord_ingest", "onrecord_query", "onrecord_audit"} <= names


def test_only_processes_that_make_secrets_or_sign_with_them_have_the_key(running: Running) -> None:
    file = running.user.folder / ".onrecord" / "secrets.key"
    assert 0o600 == file.stat().st_mode & 0o777
    with_key = {
        child.cmdline()[-1].rpartition(".")[2]
        for child in tree(running.process)
        if child.environ().get("ONRECORD_SECRETS_KEY") == file.read_text().strip()
    }
    assert {"local_api", "deliverer"} == with_key


def test_every_connection_logs_in_as_a_role_that_is_no_superuser(running: Running) -> None:
    with db.connect(running.superuser_url) as conn:
        logins = conn.execute(
            "SELECT DISTINCT usename::text FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    assert [("onrecord_login",)] == logins


def test_up_ends_with_the_reason_if_its_database_dies_while_starting(new_user: User) -> None:
    process = new_user.start("up")
    assert process.stdout
    while "Starting API" not in process.stdout.readline():
        assert process.poll() is None
    next(child for child in tree(process) if child.name() == "postgres").kill()
    output, _ = process.communicate(timeout=120)
    assert 3 == process.returncode
    assert "PostgreSQL ended" in output
