"""Settings from the environment: the public URL, hosts and origins."""

import base64

import pytest

from onrecord.kit.settings import BadSettings, load_process_settings, load_settings


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "10.1.0.7", "PORT": "8001"}, "http://10.1.0.7:8001"),
        ({"HOST": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"HOST": "::", "PORT": "80"}, "http://[::1]:80"),
        ({"PUBLIC_URL": "https://record.example.org"}, "https://record.example.org"),
        ({"PUBLIC_URL": "https://example.org/record/"}, "https://example.org/record"),
        ({"PUBLIC_URL": "http://[::1]:8443", "PORT": "9"}, "http://[::1]:8443"),
    ],
)
def test_the_public_url_is_a_setting_or_follows_from_host_and_port(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"ONRECORD_{name}", value)
    assert load_settings().public_url == expected


def test_the_public_url_follows_the_port_of_the_command_line() -> None:
    assert load_settings(port=8123).public_url == "http://127.0.0.1:8123"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "record.example.org",
        "ftp://example.org",
        "https://",
        "https://example.org?x=1",
        "https://example.org#x",
        "https://user:secret@example.org",
        "https://example.org:99999",
        "https://exa mple.org",
        "https://example.org\n",
    ],
)
def test_a_public_url_that_no_link_can_begin_with_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRECORD_PUBLIC_URL", url)
    with pytest.raises(BadSettings, match=r"^ONRECORD_PUBLIC_URL: is no address of a web site"):
        load_settings()


def test_a_fault_of_another_setting_is_reported_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONRECORD_PORT", "0")
    with pytest.raises(BadSettings) as raised:
        load_settings()
    assert "PUBLIC_URL" not in str(raised.value)
    assert str(raised.value).startswith("ONRECORD_PORT: ")


@pytest.mark.parametrize("separator", [",", " , "])
def test_keys_are_taken_in_either_alphabet_of_base64(
    separator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = base64.b64encode(b"\xfb\xff" * 16), base64.urlsafe_b64encode(b"\xff\xfb" * 16)
    text = separator.join([first.decode(), second.decode()])
    monkeypatch.setenv("ONRECORD_SECRETS_KEY", text)
    keys = load_settings().secrets_keys
    assert [b"\xfb\xff" * 16, b"\xff\xfb" * 16] == [base64.urlsafe_b64decode(key) for key in keys]


@pytest.mark.parametrize("key", ["", "tooshort", "A" * 43, "A" * 44, "é" * 44, "A" * 43 + "=,x"])
def test_a_setting_that_holds_no_keys_is_refused_without_repeating_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRECORD_SECRETS_KEY", key)
    with pytest.raises(BadSettings, match=r"^ONRECORD_SECRETS_KEY: .*openssl rand") as raised:
        load_settings()
    assert not key or key not in str(raised.value)


def test_a_process_that_needs_the_key_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ONRECORD_DATABASE_URL", "postgresql://nowhere/x")
    monkeypatch.setenv("ONRECORD_BROKER_URL", "amqp://nowhere//")
    assert load_process_settings().secrets_key is None
    with pytest.raises(BadSettings, match=r"^ONRECORD_SECRETS_KEY must be set.*openssl rand"):
        load_process_settings(secrets=True)


def test_hosts_are_those_of_all_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONRECORD_HOST", "10.1.0.7")
    monkeypatch.setenv("ONRECORD_PUBLIC_URL", "https://Record.example.org:8443/x")
    monkeypatch.setenv("ONRECORD_ALLOWED_HOSTS", "Reader.internal, fd00::7,")
    hosts = {"10.1.0.7", "record.example.org", "reader.internal", "fd00::7"}
    assert load_settings().hosts == hosts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ALLOWED_HOSTS", value) for value in ("*", "a:80", "http://a", "a b", "[::1]", "a/b")),
        *(("CORS_ORIGINS", value) for value in ("null", "a.org", "https://a.org/", "https://*")),
    ],
)
def test_what_is_no_host_and_no_origin_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ONRECORD_{name}", value)
    with pytest.raises(BadSettings, match=rf"^ONRECORD_{name}: holds '"):
        load_settings()


def test_proxies_are_named_as_for_uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is believed by default: `ONRECORD_` and the same is another name."""
    monkeypatch.setenv("ONRECORD_FORWARDED_ALLOW_IPS", "*")
    assert load_settings().forwarded_allow_ips == ""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1")
    assert load_settings().forwarded_allow_ips == "10.0.0.1"
