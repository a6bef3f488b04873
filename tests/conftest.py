"""Fixtures that need no import: a server for the run, a fresh database for a test, its doors."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support import postgres
from tests.support.bodies import register_all
from tests.support.processes import BROKER
from tests.support.receiver import Receiver, receiver
from tests.support.record import Record, record, serving
from tests.support.webhooks import telling


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
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
def on_record(database_url: str) -> Iterator[Record]:
    """A fresh ledger with its projections."""
    with record(database_url) as made:
        yield made


@pytest.fixture
def client(on_record: Record) -> Iterator[httpx2.Client]:
    """All doors over `on_record`, by real HTTP. Nothing is folded until `on_record.catch_up()`."""
    with serving(on_record.url) as made:
        yield made


@pytest.fixture
def there() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiver() as made:
        yield made


@pytest.fixture
def tell(client: httpx2.Client, on_record: Record) -> Iterator[Callable[[], int]]:
    """A deliverer at work on `on_record`, whom this tells of what is new, as the worker does."""
    register_all(client)
    with telling(on_record) as made:
        yield made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """e2e, integration, unit: what takes long begins early, so that no process ends long after the
    others. Within each the order is pytest-randomly's.
    """
    items.sort(key=lambda item: item.path.parent.name)


class ByFile(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """The tests of a file run in one process; so do all that share a RabbitMQ, one by one: there a
    bell is heard by one worker, which must not be that of another test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "RabbitMQ" if BROKER and file.startswith("tests/e2e/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_report_header() -> str:
    where = "the server of ONRECORD_TEST_DATABASE_URL" if postgres.GIVEN else "the embedded one"
    return f"PostgreSQL: {where}"
