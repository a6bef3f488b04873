"""What may be set from outside, and under which names?

Read once, in an entrypoint, and passed down. Nothing else looks at the environment.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class BadSettings(Exception):
    """The environment holds a setting that cannot be used."""


class Settings(BaseSettings):
    """`ONRECORD_*`: where things are; without addresses, everything runs in `data` here."""

    model_config = SettingsConfigDict(env_prefix="ONRECORD_", frozen=True)

    database_url: SecretStr | None = None
    """A PostgreSQL 15 or later. None: the embedded one in `data`."""
    broker_url: SecretStr | None = None
    """RabbitMQ (`amqp://`), or `pgmq://` for queues inside PostgreSQL. None: PGMQ there."""
    data: Path = Path(".onrecord")
    """The folder of the embedded PostgreSQL."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    worker_processes: Annotated[int, Field(ge=1, le=64)] = 2
    """Celery processes in one worker."""
    egress_allow: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Networks that webhooks may be sent to although they are not public, comma separated."""

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _are_networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(one.strip()) for one in value.split(",") if one.strip())
        except ValueError as error:
            raise ValueError(
                f"holds what is no network, as 10.1.0.0/16 or fd00::/8 are: {error}"
            ) from None

    @field_validator("database_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        try:
            if url and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
                raise ProgrammingError
            conninfo_to_dict(url.get_secret_value() if url else "")
        except ProgrammingError:
            raise ValueError("is no address of a PostgreSQL, postgresql://...") from None
        return url


def load(**given: object) -> Settings:
    """Settings from the environment, overridden by what a command line gave."""
    try:
        # pydantic checks what comes from outside, mypy cannot
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(
            f"ONRECORD_{str(one['loc'][0]).upper()}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise BadSettings(faults) from None


def load_remote() -> Settings:
    """Settings of a process that is told where its database and broker are."""
    settings = load()
    missing = [
        f"ONRECORD_{name.upper()}"
        for name in ("database_url", "broker_url")
        if getattr(settings, name) is None
    ]
    if missing:
        raise BadSettings(f"{' and '.join(missing)} must be set; `onrecord up` does it for you")
    return settings
