"""The write API and the webhooks API as a process: `python -m onrecord.entrypoints.ingest_api`.

Any number may run.
"""

from onrecord.entrypoints import infrastructure, server
from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import load_process_settings


def main() -> None:
    """Serve `POST /v1/...` and webhook endpoints on ONRECORD_PORT."""
    settings = load_process_settings(secrets=True)
    infrastructure.require_key(settings)
    app = create_app(settings, frozenset({"write", "webhooks", "editing"}))
    server.serve(app, settings, process="ingest_api")


if __name__ == "__main__":
    main()
