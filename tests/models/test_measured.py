"""What was measured counts for the machine that it was measured on, and says how many conversations that carries."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.measured import FILENAME, Measured, Variant, choose, cores, features, processor, read, write

TUNED, PLAIN = "tuned", "plain"


def measured(zh_voice: float = 0.4, write_ms: float = 75.0, core_count: int = 2) -> Measured:
    return Measured(
        processor=processor(),
        features=features(),
        cores=core_count,
        made="2026-01-01T00:00:00+00:00",
        hearing={"en": 0.1, "zh": 0.15},
        speaking={"en": 0.02, "zh": zh_voice},
        voice_threads={"en": 1, "zh": 2},
        variants=[Variant(library=TUNED, quantisation="Q4_K_M", threads=2, read_ms=20, write_ms=write_ms)],
        quantisation="Q4_K_M",
    )


def test_what_was_written_is_read_on_the_same_machine_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(tmp_path) is None
    mine = measured(core_count=cores())
    write(tmp_path, mine)
    assert read(tmp_path) == mine
    assert [file.name for file in tmp_path.iterdir()] == [FILENAME]
    monkeypatch.setattr("agent.models.measured.processor", lambda: "another processor")
    assert read(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b"\xff\xfe"])
def test_a_file_that_is_damaged_is_no_measurement(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILENAME).write_bytes(content)
    assert read(tmp_path) is None


def test_the_dearest_language_decides_how_many_can_talk() -> None:
    here = measured()
    assert here.conversations(("en",)) > here.conversations(("zh",))
    assert here.conversations(("en", "zh")) == here.conversations(("zh",)) == 4
    assert measured(core_count=16).conversations(("zh",)) == 38, "where there are cores, they are used side by side"
    assert measured(zh_voice=3.0).conversations(("zh",)) == 1, "one can always try"
    assert measured().conversations(()) == 1


@given(st.floats(0.001, 10), st.floats(1, 1_000), st.floats(1, 5))
def test_a_slower_machine_never_carries_more(voice: float, write_ms: float, slower: float) -> None:
    fast, slow = measured(voice, write_ms), measured(voice * slower, write_ms * slower)
    for language in ("en", "zh"):
        assert 1 <= slow.conversations((language,)) <= fast.conversations((language,))


def test_another_quantisation_is_chosen_only_when_it_is_much_faster() -> None:
    def variant(quantisation: str, write_ms: float) -> Variant:
        return Variant(library=TUNED, quantisation=quantisation, threads=2, read_ms=write_ms / 4, write_ms=write_ms)

    published = variant("Q4_K_M", 80)
    assert choose([published, variant("Q4_K", 78), variant("Q4_0", 200)]) == "Q4_K_M"
    assert choose([published, variant("Q4_K", 72), variant("Q4_0", 70)]) == "Q4_K", (
        "what changes more must be much faster than what changes less"
    )
    assert choose([published, variant("Q4_K", 72), variant("Q4_0", 40)]) == "Q4_0"
    assert choose([published, variant("Q4_K", 78), variant("Q4_0", 40)]) == "Q4_0"
    assert choose([published]) == "Q4_K_M"


def test_this_machine_has_a_name() -> None:
    assert processor()
    assert cores() >= 1
