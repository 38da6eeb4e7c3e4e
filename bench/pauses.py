"""Whether people are let finish: sentences with a pause of 0.4 s after a comma, and plain ones, spoken to the local ears."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from livekit.agents import tts

from agent.config import Config, Persona
from agent.conversation.host import ConversationHost
from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.messages import ClientHello, Language
from agent.talk.local import LocalDoor
from bench.caller import Caller, Exchange, audible
from bench.local_engines import DeafenedEngines, local_engines
from bench.options import Options
from bench.questions import QUESTIONS, VOICE, spoken
from bench.report import Result, Row

COMMA_SECONDS: Final = 0.4
LONG_SECONDS: Final = (0.6, 0.9)
PLAIN: Final = 10
SENTENCES: Final[dict[Language, tuple[tuple[str, str], ...]]] = {
    "en": (
        ("When I was a child,", "we used to live near the sea."),
        ("If it rains tomorrow,", "what should I do with the children?"),
        ("After the long meeting,", "I would like to take a walk."),
        ("Because the train was late,", "I missed the beginning of the film."),
        ("Before you answer,", "please think about it for a moment."),
        ("As far as I know,", "the shop closes at six o'clock."),
        ("In the middle of the night,", "somebody knocked on my door."),
        ("Although he was tired,", "he went on working until midnight."),
        ("On my way to work,", "I saw a dog with three legs."),
        ("To be honest,", "I do not like this song very much."),
    ),
    "zh": (
        ("我小的时候，", "我们家住在海边。"),
        ("如果明天下雨，", "我应该带孩子去哪里玩？"),
        ("开完会以后，", "我想出去散散步。"),
        ("因为火车晚点了，", "我没有看到电影的开头。"),
        ("在你回答之前，", "请先想一想。"),
        ("据我所知，", "那家商店六点关门。"),
        ("半夜的时候，", "有人敲我的门。"),
        ("虽然他很累，", "但是他一直工作到半夜。"),
        ("上班的路上，", "我看到一只小狗。"),
        ("说实话，", "我不太喜欢这首歌。"),
    ),
}


HESITATIONS: Final[dict[Language, tuple[tuple[str, str], ...]]] = {
    "en": (
        ("My telephone number is", "five five two, one seven nine."),
        ("I would like to", "book a table for two."),
        ("Can you tell me the", "way to the station?"),
        ("We are looking for a", "small flat with a garden."),
        ("I was going to call you, but", "I could not find my phone."),
        ("The name of the film is", "a little hard to remember."),
        ("She told me that", "the museum is closed today."),
        ("Please send it to", "my new address."),
        ("I have been waiting for", "more than an hour."),
        ("What I mean is, um,", "we could start tomorrow."),
    ),
    "zh": (
        ("我的电话号码是", "五五二，一七九。"),
        ("我想要", "订一张两个人的桌子。"),
        ("请问去火车站应该", "怎么走？"),
        ("我们在找一个", "带花园的小房子。"),
        ("我本来想给你打电话，但是", "找不到手机了。"),
        ("这部电影的名字是", "有点难记的。"),
        ("她告诉我，那个", "博物馆今天不开门。"),
        ("请把它寄到", "我的新地址。"),
        ("我昨天遇到了一个", "老朋友。"),
        ("我的意思是，嗯，", "我们可以明天开始。"),
    ),
}


async def with_pause(halves: tuple[str, str], seconds: float, voice: tts.TTS[Any]) -> Pcm:
    """Both halves, with exactly that pause between them."""
    parts = []
    for half in halves:
        sound = await spoken(half, voice)
        bounds = audible(sound)
        assert bounds is not None
        parts.append(sound[bounds[0] : bounds[1]])
    silence = np.zeros(round(seconds * MICROPHONE_RATE), np.int16)
    return np.concatenate([parts[0], silence, parts[1]])


def cut_in(exchange: Exchange) -> bool:
    """Whether the turn was taken before the speaker had finished."""
    return bool(exchange.finals) and exchange.finals[0] < exchange.since


async def measure(options: Options) -> Result:
    async with local_engines() as engines:
        host = ConversationHost(Config(), DeafenedEngines(engines))
        rows: list[Row] = []
        raw: dict[str, Any] = {}
        names: dict[Language, str] = {"en": "English", "zh": "Chinese"}
        try:
            for language, name in names.items():
                voice = engines.build(Persona(voice=VOICE)).tts
                caller = Caller()
                await caller.call(LocalDoor(host, caller), ClientHello(language=language, sdk="visavis-bench"))
                try:
                    comma = [
                        await caller.ask(await with_pause(halves, COMMA_SECONDS, voice), cut_seconds=0.2) for halves in SENTENCES[language]
                    ]
                    plain = [await caller.ask(await spoken(text, voice), cut_seconds=0.2) for text in QUESTIONS[language][:PLAIN]]
                    long = [
                        await caller.ask(await with_pause(halves, seconds, voice), cut_seconds=0.2)
                        for halves in (*SENTENCES[language], *HESITATIONS[language])
                        for seconds in LONG_SECONDS
                    ]
                finally:
                    await caller.aclose()
                rows += [
                    Row(
                        f"{name}: cut in at a pause of {COMMA_SECONDS:g} s after a comma",
                        float(sum(map(cut_in, comma))),
                        "",
                        0.0,
                        f"{len(comma)} sentences",
                    ),
                    Row(f"{name}: cut in on a plain sentence", float(sum(map(cut_in, plain))), "", 0.0, f"{len(plain)} sentences"),
                    Row(
                        f"{name}: cut in at a pause of {LONG_SECONDS[0]:g} or {LONG_SECONDS[1]:g} s in a sentence",
                        100.0 * sum(map(cut_in, long)) / len(long),
                        "%",
                        5.0,
                        f"{len(long)} sentences",
                    ),
                ]
                raw[language] = [exchange.understood for exchange in (*comma, *plain, *long)]
        finally:
            await host.aclose()
    notes = ["Spoken by the local voices, in real time, to the local recognisers and turn model; model and voice that answer are instant."]
    return Result("pauses", "Letting people finish", rows, notes, raw)
