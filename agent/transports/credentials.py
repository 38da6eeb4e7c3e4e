"""How a client shows its token. What a token says, only `verify` knows: doors are given it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

SUBPROTOCOL: Final = "visavis.v1"
_PREFIX: Final = "token."


class Unauthorized(Exception):
    """The token is missing, wrong or expired. The text says what to do and never holds the token."""


Verify = Callable[[str], str]
"""The identity of a token's bearer. Raises `Unauthorized`."""


def token_of_header(authorization: str | None) -> str:
    """The token of an `Authorization: Bearer TOKEN` header. Raises `Unauthorized`."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("expected the header Authorization: Bearer TOKEN; fetch a token from /api/token")
    return token.strip()


def token_of_subprotocols(offered: Sequence[str]) -> str:
    """The token among WebSocket sub-protocols `visavis.v1, token.TOKEN`. Raises `Unauthorized`."""
    tokens = [name.removeprefix(_PREFIX) for name in offered if name.startswith(_PREFIX)]
    if len(tokens) != 1 or not tokens[0]:
        raise Unauthorized(f"expected the sub-protocols {SUBPROTOCOL}, token.TOKEN; fetch a token from /api/token")
    return tokens[0]
