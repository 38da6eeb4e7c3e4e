"""The drawings of the state machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import diagrams
from infra.console import Failure


def test_what_is_drawn_is_fresh() -> None:
    assert diagrams.main(["--check"]) == 0


@pytest.mark.parametrize("document", list(diagrams.DOCUMENTS), ids=lambda document: document.name)
def test_a_drawing_that_does_not_fit_its_table_is_noticed(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    stale = text.replace("[*] -->", "[*] --> NOWHERE\n    [*] -->", 1)
    assert stale != text
    assert diagrams.drawn(document, stale) == text


def test_a_document_without_a_place_for_a_machine_is_refused() -> None:
    with pytest.raises(Failure, match="no place for the machine barge-in"):
        diagrams.drawn(diagrams.INTERRUPTION, "# Interruption")
