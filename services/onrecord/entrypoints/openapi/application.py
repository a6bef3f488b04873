"""The application class of the APIs, whose OpenAPI document generators of clients take.

Used by `app_factory`. `/openapi.json` is OpenAPI 3.1, the newest version that most generators know.
`/openapi-3.2.json` is the same in 3.2, the first version that describes the lines of a stream.
"""

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from onrecord.entrypoints.openapi.document import complete, without_streams

NEWER_URL: Final = "/openapi-3.2.json"


def operation_id(route: APIRoute) -> str:
    """The name of a route's function in camelCase: `get_position` is `getPosition`."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class DescribedApplication(FastAPI):
    """FastAPI with both documents. Each is made once, and again when a route is added."""

    _source: dict[str, Any] | None = None
    _documents: tuple[dict[str, Any], dict[str, Any]]

    def __init__(self, **options: Any) -> None:
        super().__init__(
            generate_unique_id_function=operation_id,
            separate_input_output_schemas=False,  # one `Speaker`, not two of the same fields
            **options,
        )
        self.openapi_version = "3.2.0"
        self.add_route(NEWER_URL, self._newer, include_in_schema=False)

    async def _newer(self, _: Request) -> JSONResponse:
        return JSONResponse(self.openapi_documents()[1])

    def openapi(self) -> dict[str, Any]:
        """The document in OpenAPI 3.1."""
        return self.openapi_documents()[0]

    def openapi_documents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The documents in OpenAPI 3.1 and 3.2."""
        source = super().openapi()
        if source is not self._source:
            newer = complete(source)
            self._source, self._documents = source, (without_streams(newer), newer)
        return self._documents
