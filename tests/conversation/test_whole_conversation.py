"""A whole conversation, two minutes of it, with three interruptions and a nod, played through the machines alone: no event loop, no clock, no sound card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from agent.conversation.backchannel import meaning_of
from agent.conversation.generations import Generations
from agent.conversation.heard import Heard
from agent.conversation.script import Caption, Script
from agent.media.barge_in import BargeIn, GoOn, Hold, TakeTurn, Verdict
from agent.media.block import BLOCK_SAMPLES
from agent.media.timeline import Ended, Segment, Timeline
from agent.media.turn_taking import MICROPHONE_RATE, Committed, Dipped, Phase, TurnTaking
from agent.protocol.messages import RATE

WINDOW = 512
WORD = RATE // 4


class Speech:
    """Stands for one answer of the engine."""


@dataclass
class Talk:
    """The digital human, made of the machines, driven by microphone windows."""

    words: dict[int, str]
    """What an utterance that begins at this second is understood as."""
    turns: TurnTaking = field(default_factory=TurnTaking)
    barge_in: BargeIn = field(default_factory=BargeIn)
    generations: Generations = field(default_factory=Generations)
    timeline: Timeline = field(default_factory=Timeline)
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
                text = self.words[decision.start // MICROPHONE_RATE]
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
        gen = self.generations.interrupt()
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
        script.attach(self.timeline, segment)
        for number in range(words):
            script.write(segment.appended, f"w{number} ")
            self.timeline.append(segment, np.full(WORD, self.answers, np.int16))
        self.timeline.close(segment)

    def pull(self) -> None:
        block, fired = self.timeline.pull()
        if not block.blank:
            self.sounds += [(block.t, int(value)) for value in (block.pcm[0], block.pcm[-1]) if value]
        for event in fired:
            if isinstance(event.event, Ended):
                self.told.append(f"ended {event.segment.gen}")
            elif isinstance(event.event, Caption):
                self.told.append(f"{event.segment.gen}:{event.event.text.strip()}")


def voice(*utterances: tuple[float, float]) -> Iterator[bool]:
    """Windows of two minutes; each utterance is (begin, length) in seconds."""
    for i in range(120 * MICROPHONE_RATE // WINDOW):
        t = i * WINDOW / MICROPHONE_RATE
        yield any(begin <= t < begin + length for begin, length in utterances)


def test_a_conversation_with_three_interruptions_and_a_nod() -> None:
    words = {2: "Tell me a story.", 8: "Stop.", 17: "No, another one.", 26: "Mm-hmm.", 28: "And what then?", 60: "Yes, and who was she?"}
    talk = Talk(words)
    for window in voice((2.0, 1.5), (8.0, 0.4), (17.0, 1.0), (26.0, 0.4), (28.0, 1.2), (60.0, 1.3)):
        talk.window(window)

    assert talk.answers == 5, "a nod is no question"
    assert talk.told.count("hold") == 4
    assert talk.told.count("resume") == 1
    assert [line for line in talk.told if line.startswith("interrupt")] == ["interrupt 2", "interrupt 4", "interrupt 6"]
    assert [line for line in talk.told if line.startswith("ended")] == ["ended 7", "ended 8"]

    values = [value for _, value in talk.sounds]
    assert values == sorted(values), "no older answer was heard again"
    gens = [int(line.split(":")[0]) for line in talk.told if line[0].isdigit()]
    assert gens == sorted(gens), "nor shown"
    for line, following in zip(talk.told, talk.told[1:], strict=False):
        assert not (line == "hold" and following[0].isdigit()), "nothing fires during a hold"
    nodded = [line for line in talk.told if line.startswith("5:")]
    assert nodded == list(dict.fromkeys(nodded)), "no word was shown twice"
    cuts = [line.removeprefix("heard: ").split() for line in talk.told if line.startswith("heard")]
    assert all(cut == [f"w{i}" for i in range(len(cut))] for cut in cuts), "what is remembered is what was heard, to the word"
    assert len(cuts) == 3
    assert all(cuts)
    assert abs(talk.timeline.t / RATE - 120) < BLOCK_SAMPLES / RATE * 2
