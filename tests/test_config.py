"""The configuration: layers, sources, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import MASK, Config, ConfigError, explain, load


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "VISAVIS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_nothing() -> None:
    config = load()
    assert config.http.host == "127.0.0.1"
    assert config.personas["default"].language == "auto"
    assert [spec.use for spec in config.providers.llm] == ["local.qwen"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.yaml",
            "http: {port: 9000}\npersonas: {vera: {name: Vera, language: zh}}\nproviders: {stt: [{use: openai, args: {model: x}}, local.moonshine]}\n",
        ),
        (
            "a.toml",
            '[http]\nport = 9000\n[personas.vera]\nname = "Vera"\nlanguage = "zh"\n[providers]\nstt = [{use = "openai", args = {model = "x"}}, "local.moonshine"]\n',
        ),
    ],
)
def test_a_file_and_the_environment_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    file = write(tmp_path / name, text)
    monkeypatch.setenv("VISAVIS__HTTP__HOST", "::1")
    monkeypatch.setenv("VISAVIS__TURN", '{"mode": "push_to_talk"}')
    config = load(file)
    assert (config.http.port, config.http.host, config.turn.mode) == (9000, "::1", "push_to_talk")
    assert [spec.use for spec in config.providers.stt] == ["openai", "local.moonshine"]
    assert config.personas["default"].name == "Vera"
    monkeypatch.setenv("VISAVIS__HTTP__PORT", "9001")
    assert load(file).http.port == 9001


def test_a_structure_is_json_and_a_name_is_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS__PROVIDERS__STT", "local.moonshine")
    monkeypatch.setenv("VISAVIS__PROVIDERS__LLM", '{"use": "openai", "args": {"model": "m"}}')
    monkeypatch.setenv("VISAVIS__HTTP__ORIGINS", '["https://app.example"]')
    config = load()
    assert [spec.use for spec in config.providers.stt] == ["local.moonshine"]
    assert config.providers.llm[0].args == {"model": "m"}
    assert config.http.origins == ["https://app.example"]


def test_livekit_is_found_by_its_usual_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "ws://a")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s" * 40)
    monkeypatch.setenv("VISAVIS__LIVEKIT__URL", "ws://b")
    config = load()
    assert config.livekit.url == "ws://b"
    assert config.livekit.api_secret.get_secret_value() == "s" * 40
    assert "s" * 40 not in repr(config)


def test_explain_masks_secrets_and_names_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s" * 40)
    file = write(
        tmp_path / "a.yaml", "providers: {llm: {use: openai, args: {api_key: sk-abcdefgh, model: m}}}\nauth: {api_keys: [k-123456]}\n"
    )
    rows = {field: (value, source) for field, value, source in explain(file)}
    assert rows["livekit.api_secret"] == (MASK, "environment")
    assert rows["http.port"] == ("8080", "default")
    assert rows["providers.llm"][1] == "file"
    shown = " ".join(value for value, _ in rows.values())
    for secret in ("sk-abcdefgh", "k-123456", "s" * 40):
        assert secret not in shown


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http: {port: many}", "http.port"),
        ("htpp: {port: 1}", "htpp"),
        ("http: {prot: 1}", "http.prot"),
        ("personas: {}", "persona"),
        ("providers: {llm: []}", "providers.llm"),
        ("http: [", "cannot be read"),
        ("turn: {mode: sometimes}", "turn.mode"),
        ("journal: {url: 'mysql://user@host/db'}", "expected sqlite:///FILE or redis://HOST:PORT/DB"),
        ("journal: {content: some}", "journal.content"),
        ("journal: {content: metadata, recording: true}", "recording keeps what is said, so it needs content: full, not metadata"),
        ("journal: {content: 'off', recording: true}", "needs content: full, not off"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(write(tmp_path / "a.yaml", text))


def test_a_missing_file_and_a_strange_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"\.yaml"):
        load(write(tmp_path / "a.ini", ""))


def test_a_misspelt_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS__HTPP__PORT", "1")
    with pytest.raises(ConfigError, match="VISAVIS__HTPP__PORT"):
        load()


def test_a_password_in_the_journals_address_is_never_shown(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "journal: {url: 'redis://user:verysecret@host:6379/0'}")
    assert load(file).journal.url == "redis://user:verysecret@host:6379/0"
    rows = {field: value for field, value, _ in explain(file)}
    assert rows["journal.url"] == f"redis://user:{MASK}@host:6379/0"
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path / "b.yaml", "journal: {url: 'mysql://user:verysecret@host/db'}"))
    assert "verysecret" not in str(refused.value)


def test_the_journal_is_kept_by_default_and_what_it_holds_is_known() -> None:
    assert (load().journal.url, load().journal.retention_days, load().journal.keeps_words) == ("sqlite:///journal.sqlite3", 30, True)
    assert not Config.model_validate({"journal": {"content": "metadata"}}).journal.keeps_words
    assert not load().journal.recording, "sound only when it is asked for"
    assert Config.model_validate({"journal": {"recording": True}}).journal.recording
