"""Where livekit-server is, and what is wrong when it does not want us there."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


class Refused(Exception):
    """livekit-server does not want this worker; the text tells the operator what to do."""


def is_local(url: str) -> bool:
    """Whether the server is on this machine."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def agent_url(url: str) -> str:
    """Where workers register. Raises `ValueError` for what is no address of a livekit-server."""
    parts = urlsplit(url)
    scheme = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError(f"livekit.url (LIVEKIT_URL): expected ws://HOST:PORT or wss://HOST, not {url!r}")
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/agent", "", ""))


def refusal(url: str, status: int, body: bytes) -> Exception:
    """What an HTTP status in place of a WebSocket means: `Refused` where trying again does not help, otherwise `ConnectionError`."""
    said = body[:200].decode(errors="replace").strip()
    if status in (401, 403):
        return Refused(
            f"livekit-server at {url} refuses the API key ({said or status}): "
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be a pair that the server knows, and both clocks must agree"
        )
    if status == 404:
        return Refused(
            f"{agent_url(url)} does not exist: expected livekit.url (LIVEKIT_URL) to be a livekit-server of version 1.7 or later"
        )
    return ConnectionError(f"HTTP status {status} {said}")
