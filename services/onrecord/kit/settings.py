"""Settings from the environment, `ONRECORD_*`.

An entrypoint reads them once and passes them down. No other code reads the environment, which the
supervisor passes on to its processes.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import limits
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from onrecord.kit.encryption_keys import HOW_TO_MAKE, parse_keys
from onrecord.kit.networks import AllowedNetwork, parse_network

_HOST: Final = r"[a-z0-9._-]+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*"
_ORIGIN: Final = r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?"


class BadSettings(Exception):
    """The environment holds a setting that cannot be used."""


def _own_url(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 # not bound to
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _log_origin(public_url: str) -> str:
    return f"{public_url.partition('://')[2]}/log"


class Settings(BaseSettings):
    """Without database and broker addresses, both run embedded, in the folder `data`."""

    model_config = SettingsConfigDict(env_prefix="ONRECORD_", frozen=True)

    database_url: SecretStr | None = None
    """PostgreSQL 15 or later. None: the embedded server in `data`."""
    broker_url: SecretStr | None = None
    """RabbitMQ (`amqp://`) or PGMQ (`pgmq://`). None: PGMQ in the same PostgreSQL."""
    data: Path = Path(".onrecord")
    """The folder of the embedded PostgreSQL."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    public_url: Annotated[
        str, Field(default_factory=lambda fields: _own_url(fields["host"], fields["port"]))
    ]
    """The address at which readers reach the read API; links and citations begin with it. It ends
    without a slash. Default: `host` and `port`."""
    metrics_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    """The port, on `host`, of the metrics of worker, deliverer, beat and signer. `onrecord up`
    gives each the next one. None: they serve none. Those of the APIs are at `/metrics`."""
    traces_url: Annotated[str | None, Field(validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = None
    """The OpenTelemetry collector that traces are sent to, by the name that its SDK has for it."""
    worker_processes: Annotated[int, Field(ge=1, le=64)] = 2
    """Celery workers that `onrecord up` runs; one takes over when another dies."""
    egress_allow: Annotated[tuple[AllowedNetwork, ...], NoDecode] = ()
    """Private networks that webhooks may be sent to, comma separated, with a port or without."""
    secrets_key: SecretStr | None = None
    """Keys that encrypt webhook secrets at rest, comma separated; the first encrypts. None: from
    the file `secrets.key` in `data`, where the database is the embedded one."""

    log_origin: Annotated[
        str, Field(default_factory=lambda fields: _log_origin(fields["public_url"]))
    ]
    """The name of the log in its checkpoints, fixed for the log's life; used when its key is made.
    Default: `public_url` without the scheme, and `/log`."""
    log_policy: Path | None = None
    """The policy file (C2SP tlog-policy) with the witnesses of the log, their addresses, and the
    quorum. None: no witnesses."""

    key: SecretStr | None = None
    """The API key that commands send. None: that of `up`, which is in the file `key` of `data`."""
    public_reads: bool = False
    """Whether everybody may read what is on record, without a key."""
    rate_per_key: str = "1000/second"
    """Requests with one key that a process answers."""
    rate_per_address: str = "100/second"
    """Requests from one address without a valid key that a process answers."""

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names and addresses at which clients reach the APIs, comma separated, beside those of
    loopback, `host` and `public_url`."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins whose pages may read in a browser, comma separated, or `*`."""
    forwarded_allow_ips: Annotated[str, Field(validation_alias="FORWARDED_ALLOW_IPS")] = ""
    """Proxies whose `X-Forwarded-For` is believed, comma separated, by the name that uvicorn has
    for it. uvicorn's own default would believe every client on this machine, which could then
    choose the address that its requests count for."""

    @property
    def key_file(self) -> Path:
        """The file in which `onrecord up` keeps its API key."""
        return self.data / "key"

    @property
    def secrets_key_file(self) -> Path:
        """The file with `secrets_key`, where the settings name neither it nor a database."""
        return self.data / "secrets.key"

    @property
    def log_key_file(self) -> Path:
        """The file with the private keys of the log."""
        return self.data / "log.key"

    @property
    def kept_checkpoint_file(self) -> Path:
        """The file with the last signed checkpoint."""
        return self.data / "checkpoint"

    @property
    def is_loopback(self) -> bool:
        """Whether the API listens to clients on this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def own_url(self) -> str:
        """The address at which a client on the same machine reaches an API with these settings."""
        return _own_url(self.host, self.port)

    @property
    def secrets_keys(self) -> tuple[str, ...]:
        """The keys one by one; the setting must be there."""
        assert self.secrets_key
        return parse_keys(self.secrets_key.get_secret_value())

    @field_validator("secrets_key")
    @classmethod
    def _validate_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None:
            parse_keys(keys.get_secret_value())
        return keys

    @property
    def hosts(self) -> frozenset[str]:
        """Every name and address that clients may use, in lower case, loopback aside."""
        public = urlsplit(self.public_url).hostname
        assert public is not None, "validated"
        return frozenset({public, self.host.lower(), *self.allowed_hosts})

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().lower() for part in value.split(",") if part.strip())

    @field_validator("allowed_hosts")
    @classmethod
    def _validate_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.fullmatch(_HOST, host):
                raise ValueError(
                    f"holds {host[:80]!r}, which is no name or address without a port, as"
                    " record.example.org and 10.1.0.5 are"
                )
        return hosts

    @field_validator("cors_origins")
    @classmethod
    def _validate_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin != "*" and not re.fullmatch(_ORIGIN, origin):
                raise ValueError(
                    f"holds {origin[:80]!r}, which is no origin, as https://charts.example.org is,"
                    " nor *"
                )
        return origins

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _parse_networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(parse_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError as error:
            raise ValueError(
                f"holds what is no network, as 10.1.0.0/16, fd00::/8 or 10.1.2.3:8443 are: {error}"
            ) from None

    @field_validator("rate_per_key", "rate_per_address")
    @classmethod
    def _validate_rate(cls, rate: str) -> str:
        try:
            if limits.parse(rate).amount > 0:
                return rate
        except ValueError:
            pass
        raise ValueError("is no rate of requests, as 100/second or 5000/minute are")

    @field_validator("public_url")
    @classmethod
    def _validate_public_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or re.search(r"[\s@?#\\\x00-\x1f]", url):
            raise ValueError("is no address of a web site, as https://record.example.org is")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _validate_database_url(cls, url: SecretStr | None) -> SecretStr | None:
        try:
            if url and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
                raise ProgrammingError
            conninfo_to_dict(url.get_secret_value() if url else "")
        except ProgrammingError:
            raise ValueError("is no address of a PostgreSQL, postgresql://...") from None
        return url


def load_settings(**options: object) -> Settings:
    """Settings from the environment, overridden by the command line's `options` that are not None.

    Raises `BadSettings`.
    """
    try:
        # pydantic checks the options, mypy cannot
        return Settings(**{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(
            f"ONRECORD_{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
            if fault["type"] != "default_factory_not_called"  # follows from another fault
        )
        raise BadSettings(faults) from None


def load_process_settings(*, secrets: bool = False) -> Settings:
    """Settings of a process that needs both addresses, and with `secrets` the key of secrets.

    Raises `BadSettings` without them.
    """
    settings = load_settings()
    missing = [
        f"ONRECORD_{name.upper()}"
        for name in ("database_url", "broker_url", *(["secrets_key"] if secrets else []))
        if getattr(settings, name) is None
    ]
    if missing:
        how = f"; {HOW_TO_MAKE}" if "ONRECORD_SECRETS_KEY" in missing else ""
        text = f"{' and '.join(missing)} must be set; `onrecord up` does it for you{how}"
        raise BadSettings(text)
    return settings


def addresses(settings: Settings) -> tuple[str, str]:
    """The addresses of the database and the broker, which must be set."""
    assert settings.database_url
    assert settings.broker_url
    return settings.database_url.get_secret_value(), settings.broker_url.get_secret_value()
