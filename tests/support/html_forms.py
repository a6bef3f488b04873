"""Forms of HTML pages, filled in and sent as a browser without scripts does."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final

from httpx2 import Client, Response

ORIGIN: Final = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@dataclass
class HtmlForm:
    """A form of a page: its fields in their order, and the values that would be sent."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    """Names and values of boxes and radio buttons that are not ticked."""
    names: set[str] = field(default_factory=set)
    """All fields that a reader can fill in."""

    def fill(self, **values: str) -> "HtmlForm":
        """Type into fields, by names with `__` for `-`."""
        for key, value in values.items():
            name = key.replace("__", "-")
            assert name in self.names, (name, sorted(self.names))
            self.fields = [item for item in self.fields if item[0] != name]
            self.fields.append((name, value))
        return self

    def tick(self, name: str, value: str = "on") -> "HtmlForm":
        assert (name, value) in self.options, (name, self.options)
        self.fields.append((name, value))
        return self

    def send(self, client: Client, action: str = "record", **headers: str) -> Response:
        """Press the button with this action. Line ends are sent as CR LF."""
        data: dict[str, Any] = {"action": action}
        for name, value in self.fields:
            text = value.replace("\r\n", "\n").replace("\n", "\r\n")
            data.setdefault(name, []).append(text)
        origin = str(client.base_url).rstrip("/")
        return client.post(self.action, data=data, headers={**ORIGIN, "Origin": origin, **headers})

    def value(self, name: str) -> str:
        return next(value for field, value in self.fields if field == name)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self._form: HtmlForm | None = None
        self._area: str | None = None
        self._select: tuple[str, list[str]] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self._form = HtmlForm(values.get("action") or "", values.get("method") or "get")
            self.forms.append(self._form)
        name = values.get("name") or ""
        if self._form is None or not (name or tag == "option"):
            return
        if tag == "input" and values.get("type") in ("checkbox", "radio"):
            item = (name, values.get("value") or "on")
            (self._form.fields if "checked" in values else self._form.options).append(item)
        elif tag == "input":
            if values.get("type") != "hidden":
                self._form.names.add(name)
            self._form.fields.append((name, values.get("value") or ""))
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._select = (name, [])
        elif tag == "option" and self._select is not None:
            chosen = values.get("value")
            if "selected" in values or not self._select[1]:
                self._select[1][:] = [chosen or ""]

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if self._form is None:
            return
        if tag == "textarea" and self._area is not None:
            # the first line end is not part of the value
            self._form.fields.append((self._area, self._text.removeprefix("\n")))
            self._form.names.add(self._area)
            self._area = None
        elif tag == "select" and self._select is not None:
            self._form.fields.append((self._select[0], "".join(self._select[1])))
            self._form.names.add(self._select[0])
            self._select = None
        elif tag == "form":
            self._form = None


def form_in(answer: Response) -> HtmlForm:
    """The form of a page that writes."""
    parser = _Parser()
    parser.feed(answer.text)
    forms = [form for form in parser.forms if form.method == "post" and form.action != "/signout"]
    assert len(forms) == 1, answer.text[:3_000]
    return forms[0]


def errors_beside(answer: Response) -> set[str]:
    """The names of the fields that have an error beside them; each must be in the summary too."""
    parts = answer.text.split('class="error" id="')[1:]
    names = {part.partition('-error"')[0] for part in parts}
    for name in names:
        assert f'href="#{name}"' in answer.text
        assert f'aria-describedby="{name}-error' in answer.text
        assert f'id="{name}"' in answer.text
    return names
