"""Agreement of compose file, image, settings, entrypoints and the table of routes."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from fastapi import FastAPI

from onrecord.entrypoints import app_factory, cli, ingest_api, read_api, server
from onrecord.entrypoints.app_factory import Api
from onrecord.kit import settings as kit_settings
from onrecord.kit.encryption_keys import new_key
from onrecord.kit.settings import BadSettings, Settings

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
DOCKERFILE: Final = (ROOT / "ops" / "Dockerfile").read_text()
MAP: Final = (ROOT / "services" / "README.md").read_text()

PROCESSES: Final = {
    "ingest-api": "onrecord.entrypoints.ingest_api",
    "read-api": "onrecord.entrypoints.read_api",
    "worker": "onrecord.entrypoints.worker",
    "deliverer": "onrecord.entrypoints.deliverer",
    "beat": "onrecord.entrypoints.beat",
    "signer": "onrecord.entrypoints.signer",
}
APIS: Final = ("ingest-api", "read-api")
OURS: Final = ("migrate", *PROCESSES)
WITH_SECRETS: Final = ("migrate", "ingest-api", "deliverer")
"""They encrypt secrets of webhooks, or sign with them."""
FIELDS: Final = {
    str(field.validation_alias or f"ONRECORD_{name.upper()}")
    for name, field in Settings.model_fields.items()
}
ANYWHERE: Final = Settings(database_url="postgresql://nowhere/x", broker_url="amqp://nowhere//")


# Compose and the entrypoints


def test_every_process_for_production_is_a_service() -> None:
    """A process is an entrypoint with a `main`; `local_api` is of `onrecord up` alone."""
    folder = Path(inspect.getfile(app_factory)).parent
    processes = {
        f"onrecord.entrypoints.{file.stem}"
        for file in folder.glob("*.py")
        if re.search(r"^def main\(\) -> None:", file.read_text(), re.MULTILINE)
    }
    assert processes - {"onrecord.entrypoints.local_api"} == set(PROCESSES.values())
    assert set(SERVICES) == {"database", "broker", *OURS}


@pytest.mark.parametrize("service", PROCESSES)
def test_a_service_runs_a_module_that_has_a_main(service: str) -> None:
    assert SERVICES[service]["command"] == ["python", "-m", PROCESSES[service]]
    assert callable(importlib.import_module(PROCESSES[service]).main)


def test_the_schema_is_migrated_by_a_command_that_exists() -> None:
    program, command = SERVICES["migrate"]["command"]
    assert program == "onrecord"
    # a registered command has its function
    assert command in {c.name or c.callback.__name__ for c in cli.app.registered_commands}  # type: ignore[union-attr]


@pytest.mark.parametrize("service", PROCESSES)
def test_a_process_waits_for_the_schema_and_the_broker(service: str) -> None:
    assert SERVICES[service]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "broker": {"condition": "service_healthy"},
    }
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}


@pytest.mark.parametrize("service", ["database", "broker", *APIS])
def test_a_service_that_others_wait_for_has_a_health_check(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"


# Compose and the settings


def test_every_setting_in_the_compose_file_exists() -> None:
    names = set(re.findall(r"ONRECORD_[A-Z_]+", f"{SERVICES}{DOCKERFILE}"))
    assert names <= FIELDS


def test_every_setting_is_described() -> None:
    page = (ROOT / "ops" / "docs" / "settings.md").read_text()
    assert [name for name in sorted(FIELDS) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("service", OURS)
def test_a_service_has_the_settings_that_its_process_requires(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`migrate` too: without a broker's address it would put PGMQ into the database."""
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadSettings):
        kit_settings.load_process_settings()
    for name, value in SERVICES[service]["environment"].items():
        value = re.sub(r"\$\{SECRETS_KEY.*?\}", new_key(), value)
        monkeypatch.setenv(name, re.sub(r"\$\{.*?\}", "secret", value))
    secrets = service in WITH_SECRETS
    settings = kit_settings.load_process_settings(secrets=secrets)
    assert settings.database_url
    assert settings.broker_url
    assert secrets == (settings.secrets_key is not None)
    login = "onrecord" if service == "migrate" else "onrecord_login"
    assert settings.database_url.get_secret_value() == (
        f"postgresql://{login}:secret@database:5432/onrecord"
    )
    assert settings.broker_url.get_secret_value() == "amqp://onrecord:secret@broker:5672//"


def test_no_secret_has_a_value_in_the_compose_file() -> None:
    """Each is required (`:?`), so that no deployment runs with a published password."""
    values = str(SERVICES)
    assert set(re.findall(r"\$\{(\w+)", values)) == set(re.findall(r"\$\{(\w+):\?", values))
    variables = [item for service in SERVICES.values() for item in environment(service).items()]
    bare = {
        name
        for name, value in variables
        if re.search("PASS|KEY", name) and not value.startswith("${")
    }
    assert bare == set()


def environment(service: dict[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = service.get("environment", {})
    return variables


@pytest.mark.parametrize("service", APIS)
def test_the_ports_agree(service: str) -> None:
    """Settings, published port and health check; published on the loopback address only."""
    port = SERVICES[service]["environment"]["ONRECORD_PORT"]
    assert SERVICES[service]["environment"]["ONRECORD_HOST"] == "0.0.0.0"
    assert SERVICES[service]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}/healthz" in SERVICES[service]["healthcheck"]["test"][-1]
    assert port in re.findall(r"\d+", re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)[0])


def test_database_and_broker_are_not_published() -> None:
    assert "ports" not in SERVICES["database"]
    assert "ports" not in SERVICES["broker"]


# The image


@pytest.mark.parametrize("service", OURS)
def test_one_image_is_built_for_every_process(service: str) -> None:
    assert SERVICES[service]["build"] == {"context": ".", "dockerfile": "ops/Dockerfile"}
    assert SERVICES[service]["image"] == "onrecord:local"


def test_images_are_pinned() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images += [SERVICES[service]["image"] for service in ("database", "broker")]
    assert [image for image in images if not re.search(r":\d+\.\d+", image)] == []


def test_the_image_installs_the_lock_and_then_the_project_without_an_index() -> None:
    installs = re.findall(r"pip install ([^&\n]+)", DOCKERFILE)
    assert [install.strip() for install in installs] == [
        "--require-hashes -r requirements.txt",
        "--no-deps --no-build-isolation .",
    ]
    assert "index" not in DOCKERFILE


def test_the_image_runs_as_an_unprivileged_user_and_stops_on_sigterm() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001"
    assert re.findall(r"^STOPSIGNAL (.+)$", DOCKERFILE, re.MULTILINE) == ["SIGTERM"]


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == set(kept)
    assert [path for path in sorted(copied) if not (ROOT / path).exists()] == []


def test_the_image_copies_the_folders_of_the_wheel() -> None:
    wheel = re.findall(r'^(\w+) = "onrecord/_\w+"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert wheel == ["migrations", "seeds"]
    for folder in wheel:
        assert f"COPY {folder} {folder}\n" in DOCKERFILE


# The table of routes in services/README.md

Row = tuple[str, str, str, str, str]
"""Method, path, process, database role, primary or replica."""

ROLES: Final[dict[Api, str]] = {
    "write": "onrecord_ingest",
    "read": "onrecord_query",
    "audit": "onrecord_audit",
    "webhooks": "onrecord_webhooks",
}
EVERYWHERE: Final = {("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/v1/me")}
KEYS: Final = "/v1/keys"
"""Routes of `access`, in the process of the write API."""


def documented_routes() -> list[Row]:
    rows = re.findall(
        r"^\| (GET|POST|PATCH|DELETE) \| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \|$", MAP, re.M
    )
    return [(method, path, *(cell.strip("`") for cell in rest)) for method, path, *rest in rows]


def routes(app: FastAPI) -> set[tuple[str, str]]:
    paths = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_the_table_lists_every_route_once_with_its_role() -> None:
    expected: set[Row] = set()
    for api, role in ROLES.items():
        writes = api in ("write", "webhooks")
        process = "ingest_api" if writes else "read_api"
        where = "primary" if writes else "replica"
        for method, path in routes(app_factory.create_app(ANYWHERE, frozenset({api}))) - EVERYWHERE:
            its_role = "onrecord_access" if path.startswith(KEYS) else role
            expected.add((method, path, process, its_role, where))
    rows = documented_routes()
    assert len(rows) == len(set(rows))
    assert {row for row in rows if row[:2] not in EVERYWHERE} == expected
    assert {row[:2] for row in rows} >= EVERYWHERE


@pytest.mark.parametrize("process", [ingest_api, read_api])
def test_a_process_serves_the_routes_that_the_table_lists(
    process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[FastAPI] = []
    monkeypatch.setattr(process, "start_process", lambda *_, **__: ANYWHERE)
    monkeypatch.setattr(server, "serve", lambda app, *_, **__: served.append(app))
    process.main()
    name = process.__name__.rpartition(".")[2]
    documented = {row[:2] for row in documented_routes() if row[2] == name}
    assert routes(served[0]) == documented | EVERYWHERE


def test_the_map_lists_every_package_and_every_entrypoint() -> None:
    package = ROOT / "services" / "onrecord"
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    assert set(re.findall(r"^([a-z]+)/ ", MAP, re.MULTILINE)) == packages
    files = {f"{module.rpartition('.')[2]}.py" for module in PROCESSES.values()}
    assert sorted(file for file in files if f"`{file}`" not in MAP) == []


def test_the_map_lists_the_roles_that_the_migrations_create() -> None:
    roles = set()
    for file in (ROOT / "migrations").rglob("*.py"):
        roles |= set(re.findall(r"\bonrecord_[a-z]+\b", file.read_text()))
    assert set(re.findall(r"\bonrecord_(?!api)[a-z]+\b", MAP)) == roles
