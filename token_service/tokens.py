"""The one credential of every door: LiveKit's access token, signed by LiveKit's key, or by a generated secret where there is no LiveKit."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import jwt
from livekit import api

from agent.config import Config, data_home

EMBEDDED_KEY: Final = "visavis"
SECRET_FILE: Final = "token-secret"  # noqa: S105 - a file's name


class InvalidToken(Exception):
    """The token is missing, malformed, wrongly signed or expired. The text never holds the token."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who came through a door."""

    identity: str
    name: str
    room: str


class Tokens:
    """Mints and verifies. Minting allocates nothing: no room, no session."""

    def __init__(self, key: str, secret: str, ttl: timedelta) -> None:
        if not key or len(secret) < 16:
            raise ValueError("tokens need a key and a secret of at least 16 characters")
        self._key = key
        self._secret = secret
        self._ttl = ttl
        self._verifier = api.TokenVerifier(key, secret)

    @classmethod
    def from_config(cls, config: Config) -> Tokens:
        """LiveKit's key and secret where they are set, otherwise `auth.secret`, otherwise a secret generated once under VISAVIS_HOME."""
        ttl = timedelta(minutes=config.auth.token_minutes)
        if config.livekit.url and config.livekit.api_key:
            return cls(config.livekit.api_key, config.livekit.api_secret.get_secret_value(), ttl)
        return cls(EMBEDDED_KEY, config.auth.secret.get_secret_value() or generated_secret(data_home()), ttl)

    def mint(
        self,
        *,
        identity: str,
        room: str,
        name: str = "",
        metadata: str = "",
        attributes: dict[str, str] | None = None,
        agents: list[tuple[str, str]] | None = None,
    ) -> str:
        """A token to join `room`; `agents` (name, metadata) are dispatched when the room is created."""
        grants = api.VideoGrants(room_join=True, room=room, can_publish=True, can_subscribe=True, can_publish_data=True)
        token = api.AccessToken(self._key, self._secret).with_identity(identity).with_grants(grants).with_ttl(self._ttl)
        if name:
            token = token.with_name(name)
        if metadata:
            token = token.with_metadata(metadata)
        if attributes:
            token = token.with_attributes(attributes)
        if agents:
            dispatch = [api.RoomAgentDispatch(agent_name=agent, metadata=data) for agent, data in agents]
            token = token.with_room_config(api.RoomConfiguration(agents=dispatch))
        return token.to_jwt()

    def verify(self, token: str) -> Identity:
        """Who holds the token. Raises `InvalidToken`."""
        try:
            claims = self._verifier.verify(token)
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the token has expired; fetch a new one") from None
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise InvalidToken("the token is not valid here; fetch one from /api/token") from None
        if claims.video is None or not claims.video.room_join or not claims.identity:
            raise InvalidToken("the token does not allow to join")
        return Identity(claims.identity, claims.name or "", claims.video.room)


def generated_secret(home: Path) -> str:
    """The secret of this installation, made at the first call and readable by its owner alone."""
    path = home / SECRET_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = home / f".{SECRET_FILE}-{secrets.token_hex(4)}"
    handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with contextlib.suppress(FileExistsError):  # another process was first; its secret counts
            os.link(fresh, path)
    finally:
        fresh.unlink()
    return path.read_text(encoding="ascii").strip()
