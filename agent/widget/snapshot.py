"""What a front end wants to find again: bytes that nobody here looks into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.protocol.errors import ProtocolError

LARGEST: Final = 1024 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The front end's page, kept and given back byte for byte. `version` is the front end's own number of the form in which it wrote `content`: a newer front end
    knows by it what it gets back.

    Raises `ProtocolError`: `too_large` beyond `LARGEST`, `bad_message` for a version that is no whole number from 0 on.
    """

    version: int
    content: bytes

    def __post_init__(self) -> None:
        if type(self.version) is not int or self.version < 0:
            raise ProtocolError("bad_message", f"page_state.version: expected a whole number from 0 on, not {self.version!r}")
        if len(self.content) > LARGEST:
            raise ProtocolError("too_large", f"page_state.content: {len(self.content):,} bytes; at most {LARGEST:,} are kept")
