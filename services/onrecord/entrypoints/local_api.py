"""All doors in one process, for `onrecord up`: `python -m onrecord.entrypoints.local_api`."""

from onrecord.entrypoints import doors
from onrecord.kit.settings import load_remote


def main() -> None:
    """Serve every door on ONRECORD_PORT."""
    settings = load_remote()
    app = doors.make(settings, frozenset({"ingest", "query", "audit", "webhooks"}))
    doors.serve(app, settings, process="api")


if __name__ == "__main__":
    main()
