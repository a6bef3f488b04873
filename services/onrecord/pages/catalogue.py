"""Catalogue of the strings of pages: English in the code, other languages as `locales/LANG.po`.

Used by `rendering`. The language is the first of `Accept-Language` that has a file; the files are
read when the process starts. `ops/messages.sh` collects the strings.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request

_FOLDER: Final = Path(__file__).parent / "locales"
SOURCE_LANGUAGE: Final = "en"


@cache
def translations() -> dict[str, NullTranslations]:
    """All catalogues by language; English needs none."""
    return {
        SOURCE_LANGUAGE: NullTranslations(),
        **{path.stem: _read(path) for path in sorted(_FOLDER.glob("*.po"))},
    }


def language_of(request: Request) -> str:
    """The language of the page that answers a request."""
    header = request.headers.get("accept-language", "")
    if len(translations()) == 1 or not header:
        return SOURCE_LANGUAGE
    wanted = [part.partition(";")[0].strip() for part in header.split(",")]
    return negotiate_locale(wanted, list(translations()), sep="-") or SOURCE_LANGUAGE


def _read(path: Path) -> GNUTranslations:
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=path.stem))
    compiled.seek(0)
    return GNUTranslations(compiled)
