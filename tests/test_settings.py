"""The environment: read once, typed, and a mistake names its variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsWrong, variable


def test_nothing_set_is_a_gateway_in_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load({})
    assert settings.database == f"sqlite:///{tmp_path}/var/gateway.db"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8800)


def test_every_setting_has_its_sentence_and_its_variable() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert variable(name) == f"GATEWAY_{name.upper()}"


def test_what_is_set_is_read_and_what_is_empty_is_not() -> None:
    settings = Settings.load({"GATEWAY_SEND_THREADS": "3", "GATEWAY_POLL_THREADS": "", "HOME": "/root"})
    assert (settings.send_threads, settings.poll_threads) == (3, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_HTTP_BIND", "8800"),
        ("GATEWAY_HTTP_BIND", "localhost:99999"),
        ("GATEWAY_SEND_THREADS", "many"),
        ("GATEWAY_SEND_THREADS", "0"),
        ("GATEWAY_LOG_LEVEL", "loud"),
        ("GATEWAY_DATABASE_URL", "mysql://x"),
    ],
)
def test_a_mistake_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsWrong, match=f"(?i){name}|database_url"):
        Settings.load({name: value})


def test_the_first_run_makes_a_key_once(tmp_path: Path) -> None:
    settings = Settings.load({"GATEWAY_HOME": str(tmp_path / "home")})
    made = settings.first_run()
    assert made == tmp_path / "home" / "payload.key"
    assert made.stat().st_mode & 0o777 == 0o600
    assert settings.first_run() is None
    assert settings.keys({}).current == settings.keys({}).current


def test_a_named_key_is_used_and_none_is_made(tmp_path: Path) -> None:
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    settings = Settings.load({"GATEWAY_HOME": str(tmp_path), "GATEWAY_PAYLOAD_KEY": "env:THE_KEY"})
    assert settings.first_run() is None
    assert len(settings.keys({"THE_KEY": key}).ids) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_page_of_settings_says_what_the_code_says() -> None:
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text("utf-8")
    rows = [
        f"| `{variable(name)}` | {f'`{field.default}`' if str(field.default) else ''} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows
