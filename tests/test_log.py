"""What reaches the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from agent.log import JsonFormatter, TextFormatter, redact, setup


@pytest.fixture
def loggers() -> Iterator[None]:
    """As they were before, afterwards."""
    root = logging.getLogger()
    handlers, level, livekit = list(root.handlers), root.level, logging.getLogger("livekit").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("livekit").setLevel(livekit)


@pytest.mark.usefixtures("loggers")
def test_of_libraries_only_warnings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    setup("info")
    logging.getLogger("visavis.test").info("our news")
    for name in (None, "livekit"):  # some libraries log without a name
        logging.getLogger(name).info("their news")
        logging.getLogger(name).warning("their trouble")
    shown = capsys.readouterr().err
    assert "our news" in shown
    assert "their news" not in shown
    assert shown.count("their trouble") == 2


def test_secrets_never_reach_a_log() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.abcdefghijk"
    assert token not in redact(f"url ws://h/?access_token={token}&x=1 {token}")
    assert "hunter2hunter2" not in redact("Authorization: Bearer hunter2hunter2")
    record = logging.LogRecord("a", logging.INFO, "f", 1, "key sk-%s", ("abcdefghijklmnop",), None)
    for formatter in (TextFormatter(), JsonFormatter()):
        assert "abcdefghijklmnop" not in formatter.format(record)
