"""Fixtures and order of all tests: a PostgreSQL server, databases, stores, APIs, receivers."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, expect
from psycopg.rows import dict_row
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from onrecord.kit.sql import db
from tests.support import postgres
from tests.support.bodies import register_all
from tests.support.chromium import SECONDS, run_chromium
from tests.support.processes import BROKER
from tests.support.receiver import Receiver, run_receiver
from tests.support.sample_record import SampleRecord, open_sample
from tests.support.standby import Standby, run_standby
from tests.support.store import Store, open_store, run_api
from tests.support.webhooks import run_delivery

# Time limits would fail on a busy machine. `make test` and CI run the thorough profile.
settings.register_profile(
    "thorough", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.register_profile("quick", settings.get_profile("thorough"), max_examples=25)
settings.load_profile("quick")

# What the APIs of this process log is no part of what a command prints.
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())

expect.set_options(timeout=SECONDS * 1000)

LONGEST_FILES = (
    *("test_oracle", "test_deaths", "test_up", "test_demo", "test_openapi", "test_unvotes"),
    *("test_import_resume", "test_webhook_faults", "test_faults", "test_rebuild_kills"),
    *("test_rebuild_parts", "test_embedded_postgres_users", "test_matching", "test_search"),
    *("test_log_judges", "test_backup_runbooks", "test_backup"),
)
"""Half a minute or more."""


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The address of a server for the whole run."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a migrated database that others are copied from."""
    with postgres.database(server_url) as url:
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A fresh, migrated, empty database."""
    with postgres.database(server_url, template) as url:
        yield url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty ledger with its projections."""
    with open_store(database_url) as opened:
        yield opened


@pytest.fixture
def client(store: Store) -> Iterator[httpx2.Client]:
    """All APIs over `store`, by real HTTP. Nothing is folded until `store.catch_up()`."""
    with run_api(store.url) as api_client:
        yield api_client


@pytest.fixture(scope="session")
def sample(server_url: str, template: str) -> Iterator[SampleRecord]:
    """A record with everything in it, which tests only read."""
    with open_sample(server_url, template) as record:
        yield record


@pytest.fixture
def reader(sample: SampleRecord) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the sample in the role of dashboards; rows are dicts."""
    with db.connect(sample.store.url, role="onrecord_reporting") as conn:
        conn.row_factory = dict_row
        yield conn


@pytest.fixture(scope="module")
def standby(server_url: str) -> Iterator[Standby]:
    """A streaming standby of the server, which has all its databases."""
    if postgres.GIVEN:
        pytest.skip("only the embedded server can be copied")
    with run_standby(server_url) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with run_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for a file of tests. While it runs, the thread has no room for another loop."""
    with run_chromium() as browser:
        yield browser


@pytest.fixture
def deliver(client: httpx2.Client, store: Store) -> Iterator[Callable[[], int]]:
    """Fold, fan out and wake a running deliverer, as the worker does."""
    register_all(client)
    with run_delivery(store) as delivery:
        yield delivery


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the longest files first, as one that starts last would run alone; then by folder.

    Otherwise the order is that of pytest-randomly.
    """

    def key(item: pytest.Item) -> tuple[int, str]:
        name = item.path.stem
        place = LONGEST_FILES.index(name) if name in LONGEST_FILES else len(LONGEST_FILES)
        return place, item.path.parent.name

    items.sort(key=key)


class LoadFileAndBroker(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """`--dist loadfile`; all tests that share a RabbitMQ run in one process.

    A queue delivers a notification to one worker only, which must not be that of another test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "RabbitMQ" if BROKER and file.startswith("tests/e2e/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileAndBroker | None:
    return LoadFileAndBroker(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_report_header() -> str:
    server = "the server of ONRECORD_TEST_DATABASE_URL" if postgres.GIVEN else "embedded"
    return f"PostgreSQL: {server}"
