"""Errors of backups and restorations, with what the user can do about each."""

from pathlib import Path


class BackupExists(Exception):
    """The file is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists, and a backup replaces no file. Name another one.")


class NothingToBackUp(Exception):
    """The database has no schema."""

    def __init__(self) -> None:
        super().__init__("The database holds no schema, so there is nothing to back up.")


class SchemaChanged(Exception):
    """A migration ran while the backup began."""

    def __init__(self) -> None:
        super().__init__("The schema was migrated meanwhile. Run the backup again.")


class DamagedBackup(Exception):
    """The file is not what `onrecord backup` wrote."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}. Nothing was restored; take another backup.")


class DamagedLedger(Exception):
    """The entries of the database do not give the root that was committed."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{problem}: rows of the ledger are missing or were changed. "
            "No backup was written; `onrecord verify URL` names the first bad entry."
        )


class TargetNotEmpty(Exception):
    """The database to restore into has something in it."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The database {problem}, and a restore never overwrites. Nothing was restored; "
            "name a new folder with --data, or an empty database with ONRECORD_DATABASE_URL."
        )


class NewerBackup(Exception):
    """The schema of the backup is unknown to this program."""

    def __init__(self, revision: str, release: str) -> None:
        super().__init__(
            f"The backup has the schema {revision!r}, which this program does not know. "
            f"Nothing was restored; use onrecord {release} or a later one."
        )


class MigratorNeeded(Exception):
    """The user of the database may not read or write all tables."""

    def __init__(self) -> None:
        super().__init__(
            "This user of the database may not read all tables: "
            "set ONRECORD_DATABASE_URL to that of the user who runs `onrecord migrate`."
        )
