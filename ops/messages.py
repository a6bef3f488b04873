"""Collects the strings of pages into the catalogue that a translation begins with.

    .venv/bin/python ops/messages.py        writes services/onrecord/pages/locales/messages.pot
    cp messages.pot de.po                   a new language: translate each msgid, restart the APIs

A translator's `de.po` takes new strings by `pybabel update -i messages.pot -o de.po -l de`.
"""

from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

PAGES: Final = Path(__file__).parents[1] / "services" / "onrecord" / "pages"
TEMPLATE: Final = PAGES / "locales" / "messages.pot"
_METHODS: Final = [("**.py", "python"), ("**.html", "jinja2")]
_KEYWORDS: Final = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS: Final = {"**.html": {"trimmed": "true", "silent": "false"}}


def catalogue() -> bytes:
    """The strings of all modules and templates of pages, as a .pot file."""
    collected = Catalog(project="onrecord", charset="utf-8")
    found = extract_from_dir(PAGES, _METHODS, _OPTIONS, keywords=_KEYWORDS)
    for name, line, message, comments, context in sorted(found, key=lambda entry: entry[:2]):
        collected.add(message, locations=[(name, line)], auto_comments=comments, context=context)
    written = BytesIO()
    write_po(written, collected, omit_header=True, sort_output=True, include_lineno=False)
    return written.getvalue()


if __name__ == "__main__":
    TEMPLATE.write_bytes(catalogue())
