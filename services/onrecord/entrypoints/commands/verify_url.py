"""`onrecord verify URL`: a whole log."""


def verify_url(url: str, key: str | None, *, strict: bool, as_json: bool) -> None:
    raise NotImplementedError
