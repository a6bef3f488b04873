"""The read and proof doors as a process: `python -m onrecord.entrypoints.read_api`."""

from onrecord.entrypoints import doors
from onrecord.kit.settings import load_remote


def main() -> None:
    """Serve `GET /v1/...` on ONRECORD_PORT."""
    settings = load_remote()
    doors.serve(doors.make(settings, frozenset({"query", "audit"})), settings, process="read_api")


if __name__ == "__main__":
    main()
