"""Logging, set up once: text for people or a line of JSON each for machines; tokens and keys are cut out of both."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Final, Literal

_SECRETS: Final = (
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # a JWT
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/-]{8,}"),
    re.compile(r"(?i)(?<=access_token=)[^&\s\"']+"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"),
)


def redact(text: str) -> str:
    """`text` without tokens and keys."""
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"ts": round(record.created, 3), "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, ensure_ascii=False, default=str))


def setup(level: str = "info", style: Literal["text", "json"] = "text") -> None:
    """Send all logging to standard error. Of libraries, warnings and worse; so too of those that log without a name."""
    least = max(logging.WARNING, logging.getLevelName(level.upper()))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    handler.addFilter(lambda record: record.name != "root" or record.levelno >= least)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("aioice", "aiortc", "httpx", "httpcore", "httpx2", "livekit", "openai", "asyncio", "jieba", "numba"):
        logging.getLogger(noisy).setLevel(least)
