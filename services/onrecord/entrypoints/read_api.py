"""The read and proof doors as a process: `python -m onrecord.entrypoints.read_api`."""

from onrecord.entrypoints import app_factory
from onrecord.kit.settings import load_remote


def main() -> None:
    """Serve `GET /v1/...` on ONRECORD_PORT."""
    settings = load_remote()
    app_factory.serve(
        app_factory.make(settings, frozenset({"query", "audit"})), settings, process="read_api"
    )


if __name__ == "__main__":
    main()
