"""All APIs in one process, for `onrecord up`: `python -m onrecord.entrypoints.local_api`."""

from onrecord.entrypoints import infrastructure, server
from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import load_process_settings


def main() -> None:
    """Serve every API on ONRECORD_PORT."""
    settings = load_process_settings(secrets=True)
    infrastructure.require_key(settings)
    app = create_app(settings, frozenset({"write", "read", "audit", "webhooks", "editing"}))
    server.serve(app, settings, process="api")


if __name__ == "__main__":
    main()
