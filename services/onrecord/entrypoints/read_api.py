"""The read and proof doors as a process: `python -m onrecord.entrypoints.read_api`."""

from onrecord.entrypoints import app_factory
from onrecord.kit.settings import load_process_settings


def main() -> None:
    """Serve `GET /v1/...` on ONRECORD_PORT."""
    settings = load_process_settings()
    app_factory.serve(
        app_factory.make(settings, frozenset({"query", "audit"})), settings, process="read_api"
    )


if __name__ == "__main__":
    main()
