"""Two conversations at once: the same questions at the same moments, beside one conversation alone; and a third, which is refused as configured."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from agent.config import Config, Limits, Persona
from agent.conversation.host import Busy, ConversationHost
from agent.engines import ConfiguredEngines
from agent.protocol.messages import ClientHello, Language
from agent.talk.local import LocalDoor
from bench.caller import Caller, Exchange
from bench.latency import CUT_SECONDS, NAMES, seconds_of
from bench.local_engines import local_engines
from bench.options import Options
from bench.questions import QUESTIONS, VOICE, spoken
from bench.report import Result, Row, median, p90

TURNS: Final = 6


async def talk(
    host: ConversationHost, engines: ConfiguredEngines, language: Language, callers: list[Caller], turns: int
) -> list[list[Exchange]]:
    """All callers ask the same questions at the same moments."""
    voice = engines.build(Persona(voice=VOICE)).tts
    for caller in callers:
        await caller.call(LocalDoor(host, caller), ClientHello(language=language, sdk="visavis-bench"))
    asked: list[list[Exchange]] = [[] for _ in callers]
    for text in QUESTIONS[language][:turns]:
        sound = await spoken(text, voice)
        answers = await asyncio.gather(*(caller.ask(sound, cut_seconds=CUT_SECONDS, settle_seconds=1.0) for caller in callers))
        for exchanges, answer in zip(asked, answers, strict=True):
            exchanges.append(answer)
    return asked


async def measure(options: Options) -> Result:
    async with local_engines() as engines:
        host = ConversationHost(Config(limits=Limits(sessions=2)), engines)
        rows = [Row("conversations at once that this machine was measured to carry", float(engines.capacity), "")]
        raw: dict[str, Any] = {}
        turns = min(TURNS, options.turns)
        try:
            for language, name in NAMES.items():
                for count in (1, 2):
                    callers = [Caller() for _ in range(count)]
                    try:
                        asked = await talk(host, engines, language, callers, turns)
                        if count == 2:
                            rows.append(Row(f"{name}: a third is refused", float(_refused(host)), "", None, "1: yes"))
                    finally:
                        for caller in callers:
                            await caller.aclose()
                    for number, exchanges in enumerate(asked, 1):
                        who = "alone" if count == 1 else f"conversation {number} of two"
                        seconds = seconds_of(exchanges)
                        rows.append(
                            Row(f"{name}, {who}: median", median(seconds), "s", None, f"p90 {p90(seconds):.2f} s" if seconds else "")
                        )
                        raw[f"{language} {who}"] = seconds
        finally:
            await host.aclose()
    notes = [
        f"{turns} questions each, spoken at the same moment in both; everything in one process, local models. Answers are interrupted after {CUT_SECONDS:g} s."
    ]
    return Result("pair", "Two conversations at once", rows, notes, raw)


def _refused(host: ConversationHost) -> bool:
    try:
        host.reserve().release()
    except Busy:
        return True
    return False
