"""All doors in one process, for `onrecord up`: `python -m onrecord.entrypoints.local_api`."""

from onrecord.entrypoints import app_factory
from onrecord.kit.settings import load_process_settings


def main() -> None:
    """Serve every door on ONRECORD_PORT."""
    settings = load_process_settings()
    app = app_factory.make(settings, frozenset({"ingest", "query", "audit", "webhooks"}))
    app_factory.serve(app, settings, process="api")


if __name__ == "__main__":
    main()
