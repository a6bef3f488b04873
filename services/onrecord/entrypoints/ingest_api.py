"""The write and webhooks doors as a process: `python -m onrecord.entrypoints.ingest_api`.

Any number may run.
"""

from onrecord.entrypoints import app_factory
from onrecord.kit.settings import load_process_settings


def main() -> None:
    """Serve `POST /v1/...`, and endpoints with all that is done with them, on ONRECORD_PORT."""
    settings = load_process_settings()
    app_factory.serve(
        app_factory.make(settings, frozenset({"ingest", "webhooks"})),
        settings,
        process="ingest_api",
    )


if __name__ == "__main__":
    main()
