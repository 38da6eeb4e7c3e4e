"""The configuration: one YAML or TOML file, every field also an environment variable `VISAVIS__SECTION__FIELD` (JSON for structures); the environment wins.

`load()` reads it, `explain()` tells for each field where its value came from, with secrets masked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
    YamlConfigSettingsSource,
)

from agent.protocol.messages import LanguageChoice

MASK: Final = "********"


class ConfigError(ValueError):
    """The configuration cannot be used; the text names the field, what was expected and where it came from."""


class Section(BaseModel):
    """Base of the sections: unknown fields are errors, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class CommandSpec(Section):
    """A command that the model may give in its answer, `[show: bell]`: told to the client at the sample where it stands. `use`: when, in words for the model.

    It takes `dur_ms`, in silence if the speech is shorter. More than `max_late_ms` late, it is left out (`skip`) or carried out all the same (`run`).
    """

    use: str = ""
    args: dict[str, Any] = {}
    late: Literal["run", "skip"] = "run"
    max_late_ms: int = Field(default=500, ge=0, le=600_000)
    dur_ms: int = Field(default=0, ge=0, le=60_000)


class Persona(Section):
    """Who the digital human is. An empty greeting means that the user speaks first; an empty `voice` is the language's default."""

    name: str = "Vera"
    instructions: str = ""
    language: LanguageChoice = "auto"
    voice: str = ""
    greeting: str = ""
    commands: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")], CommandSpec] = {}


class ProviderSpec(Section):
    """One provider: a known name (`local.moonshine`, `openai`, …) or `module:Class`, with its arguments. `{env: NAME}` as a value is read from the environment."""

    use: str = Field(min_length=1)
    args: dict[str, Any] = {}


def _as_specs(value: object) -> object:
    entries = value if isinstance(value, list) else [value]
    return [{"use": entry} if isinstance(entry, str) else entry for entry in entries]


Providers = Annotated[list[ProviderSpec], BeforeValidator(_as_specs), Field(min_length=1)]
"""One entry or a list of them: the first that is healthy is used."""


class ProviderSections(Section):
    vad: Providers = [ProviderSpec(use="local.silero")]
    stt: Providers = [ProviderSpec(use="local.auto")]
    llm: Providers = [ProviderSpec(use="local.qwen")]
    tts: Providers = [ProviderSpec(use="local.auto")]


class ModelSource(Section):
    """Another source for a local model: a file of the user's, or an address with its SHA-256."""

    path: Path | None = None
    url: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")


class Turn(Section):
    """How turns are taken. Times are milliseconds of silence."""

    mode: Literal["open", "push_to_talk"] = "open"
    interrupt: Literal["auto", "strict", "off"] = "auto"
    anticipate: Literal["always", "local", "never"] = Field(
        default="always",
        description="prepare an answer at the first pause, while the silence is waited out; what is prepared for nothing is paid for all the same where "
        "a provider charges by the token: `local` does it with models of this machine only",
    )
    silence_ms: int = Field(default=500, ge=100, le=5_000, description="silence that ends a sentence which sounds complete")
    patience_ms: int = Field(default=1_000, ge=100, le=10_000, description="silence that ends a sentence which sounds unfinished")


class LiveKit(Section):
    """Where livekit-server is. `public_url` is what tokens return to clients; the secret comes from the environment or a file only."""

    url: str = ""
    public_url: str = ""
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")


class Http(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    origins: list[str] = []
    tls_cert: Path | None = None
    tls_key: Path | None = None


class Ice(Section):
    """STUN and TURN servers for the peer door; none by default: local addresses only."""

    servers: list[str] = []
    username: str = ""
    credential: SecretStr = SecretStr("")


class Worker(Section):
    """The worker's own health port, and where the token service finds it."""

    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65_535)
    url: str = ""


class Limits(Section):
    sessions: Annotated[int, Field(ge=1, le=10_000)] | Literal["auto"] = Field(
        default="auto", description="conversations at once in one process; auto: as many as this machine was measured to carry"
    )
    queue_seconds: float = Field(
        default=8, ge=0, le=600, description="how long a client waits for a free place when all are taken; 0: it is told at once"
    )
    session_minutes: float = Field(default=0, ge=0, description="0: no limit")
    hello_seconds: float = Field(default=10, gt=0)
    idle_seconds: float = Field(default=0, ge=0, description="a conversation in which nobody speaks ends after this; 0: never")
    messages_per_second: int = Field(default=50, ge=1, description="client messages, audio not counted")
    send_queue: int = Field(default=512, ge=16, description="messages waiting for a slow reader before its connection is closed")
    answer_characters: int = Field(default=4_000, ge=100, description="an answer that is longer is ended: nobody listens for five minutes")
    llm_seconds: float = Field(default=30, gt=0)
    stt_seconds: float = Field(default=15, gt=0)
    tts_seconds: float = Field(default=30, gt=0)


class Auth(Section):
    """`open`: anyone who reaches the page may talk (bound to loopback only). `token`: the token endpoint asks for an API key."""

    mode: Literal["open", "token"] = "open"
    api_keys: list[SecretStr] = []
    secret: SecretStr = SecretStr("")
    token_minutes: float = Field(default=15, gt=0, le=24 * 60)


class Journal(Section):
    """What is written down of each session, where, and for how long."""

    url: str = Field(
        default="sqlite:///journal.sqlite3",
        description="sqlite:///FILE (under VISAVIS_HOME; with four slashes from the root), or redis://HOST:PORT/DB for several processes",
    )
    retention_days: int = Field(default=30, ge=1, le=36_500)
    content: Literal["full", "metadata", "off"] = Field(
        default="full", description="metadata: no words, neither the user's nor the answers'; off: nothing at all"
    )
    live_minutes: int = Field(
        default=60, ge=1, description="Redis only: so long a session that has ended stays there; its file is in `archive`"
    )
    archive: Path | None = Field(
        default=None, description="Redis only: the folder for sessions that have ended; by default under VISAVIS_HOME"
    )
    recording: bool = Field(default=False, description="the sound of both sides, too, as Ogg files; clients are told")

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if not re.match(r"sqlite:///.|rediss?://.|unix://.", value):
            raise ValueError(f"expected sqlite:///FILE or redis://HOST:PORT/DB, not {without_password(value)!r}")
        return value

    @model_validator(mode="after")
    def _records_words_too(self) -> Journal:
        if self.recording and not self.keeps_words:
            raise ValueError(f"recording keeps what is said, so it needs content: full, not {self.content}")
        return self

    @property
    def keeps_words(self) -> bool:
        """Whether what is said is written down."""
        return self.content == "full"


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="VISAVIS__", env_nested_delimiter="__", extra="forbid", frozen=True, nested_model_default_partial_update=True
    )

    agent_name: str = "visavis"
    personas: dict[str, Persona] = {"default": Persona()}
    providers: ProviderSections = ProviderSections()
    models: dict[str, ModelSource] = {}
    turn: Turn = Turn()
    livekit: LiveKit = LiveKit()
    http: Http = Http()
    ice: Ice = Ice()
    worker: Worker = Worker()
    limits: Limits = Limits()
    auth: Auth = Auth()
    journal: Journal = Journal()
    log: Log = Log()

    @field_validator("personas")
    @classmethod
    def _has_default(cls, value: dict[str, Persona]) -> dict[str, Persona]:
        if not value:
            raise ValueError("expected at least one persona")
        return value if "default" in value else {"default": next(iter(value.values())), **value}


_LIVEKIT_ENV: Final = {"url": "LIVEKIT_URL", "api_key": "LIVEKIT_API_KEY", "api_secret": "LIVEKIT_API_SECRET"}


def load(path: Path | None = None) -> Config:
    """Read `path` (or the file named by VISAVIS_CONFIG, or none) and the environment. Raises `ConfigError`."""
    return _load(path)[0]


def explain(path: Path | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield `(field, value, source)` of every field, secrets masked; source is `default`, `file` or `environment`."""
    config, file_values, env_values = _load(path)

    def walk(prefix: tuple[str, ...], value: Any) -> Iterator[tuple[str, str, str]]:
        if isinstance(value, BaseModel):
            for name in type(value).model_fields:
                yield from walk((*prefix, name), getattr(value, name))
        elif isinstance(value, dict) and value and all(isinstance(v, BaseModel) for v in value.values()):
            for name, item in value.items():
                yield from walk((*prefix, name), item)
        else:
            source = "environment" if _has(env_values, prefix) else "file" if _has(file_values, prefix) else "default"
            yield ".".join(prefix), _show(value), source

    yield from walk((), config)


def _load(path: Path | None) -> tuple[Config, dict[str, Any], dict[str, Any]]:
    file = path or (Path(os.environ["VISAVIS_CONFIG"]) if os.environ.get("VISAVIS_CONFIG") else None)
    if file is not None and not file.is_file():
        raise ConfigError(f"configuration file {file} does not exist; name one with --config FILE, or leave it out")
    if file is not None and file.suffix not in {".yaml", ".yml", ".toml"}:
        raise ConfigError(f"configuration file {file}: expected a name that ends in .yaml, .yml or .toml")
    for name in os.environ:
        section = name.upper().removeprefix("VISAVIS__").split("__")[0].lower()
        if name.upper().startswith("VISAVIS__") and section not in Config.model_fields:
            raise ConfigError(f"environment variable {name}: {section} is no section of the configuration; see `visavis config show`")
    seen: dict[str, dict[str, Any]] = {"file": {}, "environment": {}}

    class Sources(Config):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            sources: list[PydanticBaseSettingsSource] = [_Environment(settings_cls)]
            if file is not None:
                kind = TomlConfigSettingsSource if file.suffix == ".toml" else YamlConfigSettingsSource
                sources.append(kind(settings_cls, file))
            for name, source in zip(("environment", "file"), sources, strict=False):
                seen[name] = source()
            return tuple(sources)

    where = f" (file {file} and environment)" if file else " (environment)"
    try:
        loaded = Sources()
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)]
        raise ConfigError(f"the configuration is not valid{where}:\n" + "\n".join(lines)) from None
    except Exception as error:  # YAML, TOML and settings sources each have errors of their own
        raise ConfigError(f"the configuration cannot be read{where}: {error}") from None
    config = Config.model_construct(**{name: getattr(loaded, name) for name in Config.model_fields})
    return config, seen["file"], seen["environment"]


class _Environment(EnvSettingsSource):
    """`VISAVIS__…` variables, and LiveKit's own names below them."""

    def __call__(self) -> dict[str, Any]:
        values = super().__call__()
        usual = {field: os.environ[name] for field, name in _LIVEKIT_ENV.items() if os.environ.get(name)}
        if usual:
            values["livekit"] = {**usual, **values.get("livekit", {})}
        return values

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """JSON for structures; what is no JSON stays text, for fields that take a name as well."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _has(values: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return False
        values = values[name]
    return True


def _show(value: Any) -> str:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_show(v) for v in value) + "]"
    if isinstance(value, ProviderSpec):
        masked = {k: v if isinstance(v, dict) and set(v) == {"env"} else MASK if _secret_name(k) else v for k, v in value.args.items()}
        return f"{value.use} {masked}" if masked else value.use
    return without_password(value) if isinstance(value, str) else str(value)


def without_password(url: str) -> str:
    """An address without the password that stands in it."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*(?=@)", rf"\1:{MASK}", url)


def _secret_name(name: str) -> bool:
    return any(word in name.lower() for word in ("key", "secret", "token", "password", "credential"))


def data_home() -> Path:
    """Where data and generated secrets live: VISAVIS_HOME, or the platform's data folder."""
    if home := os.environ.get("VISAVIS_HOME"):
        return Path(home)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "visavis"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "visavis"
