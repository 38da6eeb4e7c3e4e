"""What is said over an answer: nods and coughs must not end it, interruptions must. Said to the local ears, with an instant model and voice behind them."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

import numpy as np
import soxr

from agent.config import Config, Persona
from agent.conversation.host import ConversationHost
from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope
from agent.protocol.messages import ClientHello, GenerationStart, Hold, Language, Resume, ServerInterrupt, TextInput
from agent.talk.local import LocalDoor
from bench.instant import InstantLLM
from bench.interrupting import Interrupter
from bench.local_engines import DeafenedEngines, local_engines
from bench.options import Options
from bench.questions import VOICE, spoken
from bench.report import Result, Row, median

Kind = Literal["nods", "coughs", "interruptions"]
NODS: Final[dict[Language, tuple[str, ...]]] = {
    "en": ("Uh-huh.", "Mm-hmm.", "Yeah.", "Right.", "Okay.", "I see.", "Sure.", "Yes.", "Really?", "Oh, okay.", "Yeah, yeah.", "Got it."),
    "zh": ("嗯。", "嗯嗯。", "对。", "对对对。", "好的。", "是的。", "哦。", "是吗？", "好。", "明白。", "嗯，好。", "没错。"),
}
INTERRUPTIONS: Final[dict[Language, tuple[str, ...]]] = {
    "en": (
        "Stop.",
        "Wait.",
        "No, no.",
        "Hold on.",
        "Excuse me.",
        "Wait a moment, please.",
        "That is wrong.",
        "What do you mean?",
        "Can you repeat that?",
        "Let me ask something else.",
        "I don't understand.",
        "Yes, but what about tomorrow?",
    ),
    "zh": (
        "停。",
        "等一下。",
        "不对。",
        "别说了。",
        "打断一下。",
        "我不明白。",
        "你说什么？",
        "再说一遍。",
        "换个话题吧。",
        "我想问别的。",
        "好的，那明天呢？",
        "先听我说。",
    ),
}
COPIES: Final = (1.0, 0.94, 1.06, 0.89)
"""Each is said at other pitches and speeds, too."""
LISTEN_SECONDS: Final = 2.2
NAMES: Final[dict[Language, str]] = {"en": "English", "zh": "Chinese"}


def cough(seed: int) -> Pcm:
    """One to three bursts of noise that rise at once and fall slowly, as a cough does."""
    random = np.random.default_rng(seed)
    bursts = []
    for _ in range(int(random.integers(1, 4))):
        n = int(MICROPHONE_RATE * random.uniform(0.12, 0.28))
        noise = np.convolve(random.normal(size=n), np.ones(4) / 4, "same") * np.exp(-np.arange(n) / (0.35 * n))
        bursts += [noise / np.abs(noise).max() * random.uniform(4_000, 14_000), np.zeros(int(MICROPHONE_RATE * 0.09))]
    return np.concatenate(bursts).astype(np.int16)


def changed(sound: Pcm, speed: float) -> Pcm:
    """The same at another pitch and speed."""
    if speed == 1.0:
        return sound
    return np.asarray(soxr.resample(sound, MICROPHONE_RATE * speed, MICROPHONE_RATE), np.int16)


class _Listener(Interrupter):
    """Counts what the server makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.holds: list[float] = []
        self.verdicts: list[float] = []
        self.interrupts = 0
        self.begun = asyncio.Event()

    def message(self, envelope: Envelope[Any]) -> None:
        super().message(envelope)
        now = asyncio.get_running_loop().time()
        match envelope.message:
            case GenerationStart():
                self.begun.set()
            case Hold():
                self.holds.append(now)
            case Resume():
                self.verdicts.append(now)
            case ServerInterrupt(reason="voice"):
                self.verdicts.append(now)
                self.interrupts += 1


async def answered(host: ConversationHost, language: Language, sounds: list[Pcm]) -> tuple[list[bool], list[float]]:
    """For each sound whether it ended an answer, and how long it took from hold to verdict (seconds)."""
    listener = _Listener()
    door = LocalDoor(host, listener)
    ended, took = [], []
    await listener.call(door, ClientHello(language=language, sdk="visavis-bench"))
    try:
        for sound in sounds:
            listener.begun.clear()
            await door.send(TextInput(text="Go on."))
            await asyncio.wait_for(listener.begun.wait(), 10)
            await asyncio.sleep(0.9)
            listener.holds, listener.verdicts, listener.interrupts = [], [], 0
            _, end = await listener.say(sound)
            await asyncio.sleep(end + LISTEN_SECONDS - asyncio.get_running_loop().time())
            ended.append(listener.interrupts > 0)
            took += [verdict - hold for hold, verdict in zip(listener.holds, listener.verdicts, strict=False)]
    finally:
        await listener.aclose()
    return ended, took


async def measure(options: Options) -> Result:
    each = 2 * options.turns
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    verdicts: list[float] = []
    async with local_engines() as engines:
        ears = DeafenedEngines(engines, InstantLLM(lambda prompt: "All right, number one." + 25 * " And so on."))
        host = ConversationHost(Config(), ears)
        try:
            for language, name in NAMES.items():
                voice = engines.build(Persona(voice=VOICE)).tts
                said: dict[Kind, list[str]] = {"nods": list(NODS[language]), "interruptions": list(INTERRUPTIONS[language])}
                for kind, texts in said.items():
                    chosen = [(texts[i % len(texts)], COPIES[i // len(texts) % len(COPIES)]) for i in range(each)]
                    ended, took = await answered(host, language, [changed(await spoken(text, voice), speed) for text, speed in chosen])
                    wrong = [what for what, was in zip(chosen, ended, strict=True) if was == (kind == "nods")]
                    verdicts += took
                    raw[f"{language} {kind}"] = wrong
                    title = "nods that ended the answer" if kind == "nods" else "interruptions that were missed"
                    rows.append(Row(f"{name}: {title}", 100 * len(wrong) / each, "%", 5.0 if kind == "nods" else 2.0, f"{each} sounds"))
            ended, _ = await answered(host, "en", [cough(seed) for seed in range(each)])
            rows.append(Row("coughs that ended the answer", 100 * sum(ended) / each, "%", 5.0, f"{each} sounds"))
        finally:
            await host.aclose()
    slow = [seconds for seconds in verdicts if seconds > 0]
    rows.append(Row("from hold to verdict, median", (median(slow) or 0) * 1000, "ms", None, f"{len(slow)} holds"))
    notes = [
        "Spoken by the local voices, each at several pitches and speeds, over an answer, in real time, to the local recognisers. Coughs are synthetic."
    ]
    return Result("nods", "Nods, coughs and interruptions", rows, notes, raw)
