"""All APIs in one process, for `onrecord up`: `python -m onrecord.entrypoints.local_api`."""

from onrecord.entrypoints import infrastructure, server
from onrecord.entrypoints.app_factory import create_app
from onrecord.entrypoints.start import start_process


def main() -> None:
    """Serve every API on ONRECORD_PORT."""
    settings = start_process("api", secrets=True, has_api=True)
    infrastructure.require_key(settings)
    app = create_app(settings, frozenset({"write", "read", "audit", "webhooks", "editing"}))
    server.serve(app, settings)


if __name__ == "__main__":
    main()
