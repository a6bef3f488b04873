"""The read API and the audit API as a process: `python -m onrecord.entrypoints.read_api`."""

from onrecord.entrypoints import infrastructure, server
from onrecord.entrypoints.app_factory import create_app
from onrecord.entrypoints.start import start_process


def main() -> None:
    """Serve `GET /v1/...` on ONRECORD_PORT."""
    settings = start_process("read_api", has_api=True)
    infrastructure.require_key(settings, only_reads=True)
    app = create_app(settings, frozenset({"read", "audit"}))
    server.serve(app, settings)


if __name__ == "__main__":
    main()
