"""What may be set from outside, and under which names?

Read once, in an entrypoint, and passed down. Nothing else looks at the environment.
"""

from pathlib import Path
from typing import Annotated

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


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
