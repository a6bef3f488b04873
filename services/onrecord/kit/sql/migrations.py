"""Is the database's schema the one that this program knows, and how is it brought there?

Called by the entrypoints. The migrations stand at the top of the repository, or in the wheel.
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


def carried(name: str) -> Path:
    """A top-level folder, from the wheel that carries it or from the checkout around us."""
    packed = _PACKAGE / f"_{name}"
    return packed if packed.is_dir() else _PACKAGE.parents[1] / name


def upgrade(url: str) -> None:
    """Bring the schema to its newest revision; does nothing where it is there already."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(_config(url), "head")


def missing(url: str) -> str | None:
    """What keeps this program from using the schema, in words; None if nothing does."""
    head = ScriptDirectory.from_config(_config(url)).get_current_head()
    with connect(url) as conn:
        try:
            row = conn.execute("SELECT version_num FROM onrecord.alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
    if row is None:
        return "the database holds no schema yet"
    return None if row[0] == head else f"the schema is {row[0]!r}, this program needs {head!r}"


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(carried("migrations")).replace("%", "%%"))
    config.attributes["url"] = url
    return config
