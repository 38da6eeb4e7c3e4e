"""A whole conversation, two minutes of it, with three interruptions and a nod, played through the machines alone: no event loop, no clock, no sound card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.conversation.backchannel import meaning_of
from agent.conversation.generations import Generations
from agent.conversation.heard import Heard
from agent.conversation.script import Caption, Script
from agent.media.barge_in import BargeIn, GoOn, Hold, TakeTurn, Verdict
from agent.media.block import BLOCK_SAMPLES
from agent.media.driving import Driving
from agent.media.timeline import Ended, Segment, Timeline
from agent.media.turn_taking import MICROPHONE_RATE, Committed, Dipped, Phase, TurnTaking
from agent.media.visemes import Viseme
from agent.protocol.messages import RATE, InterruptMode

WINDOW = 512
WORD = RATE // 4


class Speech:
    """Stands for one answer of the engine."""


@dataclass
class Talk:
    """The digital human, made of the machines, driven by microphone windows."""

    words: list[tuple[float, str]]
    """What is understood of an utterance that begins at this second."""
    turns: TurnTaking = field(default_factory=TurnTaking)
    barge_in: BargeIn = field(default_factory=BargeIn)
    generations: Generations = field(default_factory=Generations)
    timeline: Timeline = field(default_factory=Timeline)
    driving: Driving = field(default_factory=Driving)
    min_gen: int = 0
    heard: Heard = field(default_factory=Heard)
    told: list[str] = field(default_factory=list)
    sounds: list[tuple[int, int]] = field(default_factory=list)
    """(media sample, value of the sound): each answer sounds as its own number."""
    scripts: dict[Segment, Script] = field(default_factory=dict)
    speech: Speech | None = None
    answers: int = 0
    over: bool = False

    def window(self, voice: bool) -> None:
        before = self.turns.phase
        decisions = self.turns.window(0.9 if voice else 0.01, WINDOW)
        if before is Phase.QUIET and self.turns.phase is Phase.SPEAKING:
            self.over = self.timeline.current is not None
        if self.over and self.timeline.current is not None:
            if self.turns.phase is Phase.SPEAKING:
                self.judge(self.barge_in.voice(self.turns.now, self.turns.voiced))
        elif self.turns.phase is Phase.QUIET and self.timeline.current is not None and self.turns.rising:
            self.judge(self.barge_in.voice(self.turns.now, self.turns.rising))
        for decision in decisions:
            if isinstance(decision, Dipped):
                text = next(text for begin, text in reversed(self.words) if begin * MICROPHONE_RATE <= decision.start + WINDOW)
                if self.over and self.timeline.current is not None:
                    self.judge(self.barge_in.said(meaning_of(text)))
                decisions += self.turns.transcript(decision.candidate, text)
            elif isinstance(decision, Committed) and not (self.over and meaning_of(decision.text).name == "NOD"):
                self.answer()
        while self.timeline.t * MICROPHONE_RATE < self.turns.now * RATE:
            self.pull()

    def judge(self, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            match verdict:
                case Hold():
                    self.timeline.hold()
                    self.told.append("hold")
                case GoOn():
                    self.timeline.resume(back=WORD)
                    self.told.append("resume")
                case TakeTurn():
                    self.interrupt()

    def interrupt(self) -> None:
        gen = self.min_gen = self.generations.interrupt()
        for segment in self.timeline.drop():
            cut = self.heard.cut(segment, self.scripts[segment], self.timeline.t, self.heard.at(self.timeline.t))
            self.told.append(f"heard: {cut.text}")
        self.told.append(f"interrupt {gen}")

    def answer(self) -> None:
        """Forty words, one by one; the engine of an answer that was interrupted goes on producing, as engines do."""
        late, self.speech = self.speech, Speech()
        if late is not None and self.generations.of(late) is None:
            self.produce(late, 1)
        self.answers += 1
        self.generations.announce(self.speech)
        self.produce(self.speech, 40)

    def produce(self, speech: Speech, words: int) -> None:
        gen = self.generations.begin(speech)
        if gen is None:
            return
        segment, script = self.timeline.open(gen), Script(speech)
        self.scripts[segment] = script
        script.attach(self.timeline, self.driving, segment)
        for number in range(words):
            script.write(segment.appended, f"w{number} ")
            script.shape([Viseme(segment.appended, 1 + number % 14, 100)], segment.appended + WORD, "tts")
            self.timeline.append(segment, np.full(WORD, self.answers, np.int16))
        self.timeline.close(segment)

    def pull(self) -> None:
        block, fired = self.timeline.pull()
        if (batch := self.driving.due(self.timeline)) is not None:
            assert batch.gen >= self.min_gen, "the ghost of a face"
        if not block.blank:
            self.sounds += [(block.t, int(value)) for value in (block.pcm[0], block.pcm[-1]) if value]
        for event in fired:
            if isinstance(event.event, Ended):
                self.told.append(f"ended {event.segment.gen}")
            elif isinstance(event.event, Caption):
                self.told.append(f"{event.segment.gen}:{event.event.text.strip()}")


def voice(seconds: float, utterances: list[tuple[float, float]]) -> Iterator[bool]:
    """Windows; each utterance is (begin, length) in seconds."""
    for i in range(int(seconds * MICROPHONE_RATE) // WINDOW):
        t = i * WINDOW / MICROPHONE_RATE
        yield any(begin <= t < begin + length for begin, length in utterances)


def no_ghosts(talk: Talk) -> None:
    """The laws of every conversation."""
    values = [value for _, value in talk.sounds]
    assert values == sorted(values), "an older answer was heard again"
    shown = [line for line in talk.told if line[0].isdigit()]
    gens = [int(line.split(":")[0]) for line in shown]
    assert gens == sorted(gens), "an older answer was shown again"
    assert len(shown) == len(set(shown)), "a word was shown twice"
    held = False
    for line in talk.told:
        assert not (held and (line[0].isdigit() or line.startswith("ended"))), "something fired during a hold"
        assert line != "hold" or not held
        assert line != "resume" or held
        held = line == "hold" or (held and not line.startswith(("resume", "interrupt")))
    for cut in (line.removeprefix("heard: ").split() for line in talk.told if line.startswith("heard")):
        assert cut == [f"w{i}" for i in range(len(cut))], "what is remembered is not what was heard"
    assert abs(talk.timeline.t / RATE - talk.turns.now / MICROPHONE_RATE) < 2 * BLOCK_SAMPLES / RATE, "the clock stood still"


def test_a_conversation_with_three_interruptions_and_a_nod() -> None:
    said = [
        (2.0, "Tell me a story."),
        (8.0, "Stop."),
        (17.0, "No."),
        (26.0, "Mm-hmm."),
        (28.0, "And then?"),
        (60.0, "Yes, and who was she?"),
    ]
    talk = Talk(said)
    for window in voice(120, [(2.0, 1.5), (8.0, 0.4), (17.0, 1.0), (26.0, 0.4), (28.0, 1.2), (60.0, 1.3)]):
        talk.window(window)
    no_ghosts(talk)
    assert talk.answers == 5, "a nod is no question"
    assert talk.told.count("hold") == 4
    assert talk.told.count("resume") == 1
    assert [line for line in talk.told if line.startswith("interrupt")] == ["interrupt 2", "interrupt 4", "interrupt 6"]
    assert [line for line in talk.told if line.startswith("ended")] == ["ended 7", "ended 8"]


UTTERANCE = st.tuples(
    st.floats(0.1, 4.0), st.floats(0.03, 2.5), st.sampled_from(["Stop.", "Mm-hmm.", "嗯", "", "[cough]", "What is that?"])
)


@settings(max_examples=2_000, deadline=None)
@given(st.lists(UTTERANCE, min_size=2, max_size=7), st.sampled_from(get_args(InterruptMode)))
def test_no_conversation_has_a_ghost(utterances: list[tuple[float, float, str]], mode: InterruptMode) -> None:
    now, said, sounds = 0.0, [(-1.0, "Hello.")], []
    for gap, length, text in [(0.2, 1.0, "Tell me a story."), *utterances]:
        said.append((now + gap, text))
        sounds.append((now + gap, length))
        now += gap + length
    talk = Talk(said, barge_in=BargeIn(mode))
    for window in voice(now + 1.5, sounds):
        talk.window(window)
    no_ghosts(talk)
    if mode == "off":
        assert "hold" not in talk.told
        assert not any(line.startswith("interrupt") for line in talk.told)
