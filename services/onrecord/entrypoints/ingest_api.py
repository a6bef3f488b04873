"""The write API and the webhooks API as a process: `python -m onrecord.entrypoints.ingest_api`.

Any number may run.
"""

from onrecord.entrypoints import infrastructure, server
from onrecord.entrypoints.app_factory import create_app
from onrecord.entrypoints.start import start_process


def main() -> None:
    """Serve `POST /v1/...` and webhook endpoints on ONRECORD_PORT."""
    settings = start_process("ingest_api", secrets=True, has_api=True)
    infrastructure.require_key(settings)
    app = create_app(settings, frozenset({"write", "webhooks", "editing"}))
    server.serve(app, settings)


if __name__ == "__main__":
    main()
