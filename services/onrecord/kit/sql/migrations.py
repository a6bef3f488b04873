"""Schema migrations: running them, and checking that a database has the newest.

Used by the entrypoints. The scripts are at the top of the repository, or inside the wheel.
"""

import logging
from pathlib import Path
from typing import Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from onrecord.kit.sql.db import connect

_PACKAGE: Final = Path(__file__).parents[2]


def data_folder(name: str) -> Path:
    """A top-level folder of the repository, from the wheel if installed, else from the checkout."""
    in_wheel = _PACKAGE / f"_{name}"
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parents[1] / name


def upgrade(url: str, *, secrets_key: str | None = None, revision: str = "head") -> None:
    """Migrate the schema to a revision, by default the newest. Does nothing if it is there already.

    `secrets_key` encrypts the secrets of endpoints that an older release stored in plain.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = _config(url)
    config.attributes["secrets_key"] = secrets_key
    command.upgrade(config, revision)


def known_revisions() -> frozenset[str]:
    """All revisions of the schema that this program can migrate to."""
    scripts = ScriptDirectory.from_config(_config(""))
    return frozenset(script.revision for script in scripts.walk_revisions())


def schema_problem(url: str) -> str | None:
    """Why this program cannot use the database's schema, for the user; None if it can."""
    head = ScriptDirectory.from_config(_config(url)).get_current_head()
    with connect(url) as conn:
        try:
            row = conn.execute("SELECT version_num FROM onrecord.alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
        except psycopg.errors.InsufficientPrivilege:
            return "the schema is older than this login role"
    if row is None:
        return "the database holds no schema yet"
    return None if row[0] == head else f"the schema is {row[0]!r}, this program needs {head!r}"


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(data_folder("migrations")).replace("%", "%%"))
    config.attributes["url"] = url
    return config
