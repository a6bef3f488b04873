"""The read API and the audit API as a process: `python -m onrecord.entrypoints.read_api`."""

from onrecord.entrypoints import infrastructure, server
from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import load_process_settings


def main() -> None:
    """Serve `GET /v1/...` on ONRECORD_PORT."""
    settings = load_process_settings()
    infrastructure.require_key(settings, only_reads=True)
    app = create_app(settings, frozenset({"read", "audit"}))
    server.serve(app, settings, process="read_api")


if __name__ == "__main__":
    main()
