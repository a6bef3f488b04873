"""`onrecord verify FILE`: a quote that proves itself."""


def verify_file(path: str, key: str | None, *, as_json: bool) -> None:
    raise NotImplementedError
