"""`visavis talk`: opens the door, holds the talk, and tells about it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np
from rich.console import Console

from agent.config import Config
from agent.conversation.host import ConversationHost
from agent.engines import ConfiguredEngines
from agent.models.terminal import TerminalProgress
from agent.protocol.messages import ClientHello, LanguageChoice
from agent.talk.door import Door
from agent.talk.local import LocalDoor
from agent.talk.session import Talk, Turn
from agent.talk.sound import read_microphone

DoorName = Literal["peer", "livekit", "ws", "local"]


async def run_talk(
    config: Config,
    door_name: str,
    url: str,
    microphone: Path | None,
    out: Path | None,
    language: str,
    text: str | None,
    persona: str | None,
    *,
    as_json: bool,
    waterfall: bool,
) -> list[Turn]:
    """Returns the turns. Raises `SoundError`, `DoorError`, `ConfigError`, `ModelError`."""
    pcm = np.zeros(0, np.int16) if microphone is None else read_microphone(microphone)
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    talk = Talk(lambda line: console.print(line, markup=False))
    hello = ClientHello(persona=persona, language=cast(LanguageChoice, language), sdk="visavis-talk", wants=["stages"])
    host: ConversationHost | None = None
    if door_name == "local":
        engines = ConfiguredEngines(config, models=os.environ.get("MODELS", "auto"))
        with TerminalProgress(Console(stderr=True)) as progress:
            await engines.prepare(progress.show)
        host = ConversationHost(config, engines)
    try:
        await talk.run(_door(door_name, url, talk, host), hello, pcm, text)
    finally:
        if host is not None:
            await host.aclose()
        if out is not None:
            talk.recorder.write(out)
    for number, turn in enumerate(talk.turns, 1):
        if as_json:
            print(json.dumps({"turn": number, "door": door_name, **turn.as_json()}, ensure_ascii=False), flush=True)
        else:
            console.print(_latency_line(number, turn), markup=False)
            if waterfall:
                for line in waterfall_lines(turn.stages):
                    console.print(line, markup=False)
    return talk.turns


STAGES: Final = {
    "silence": "the pause was noticed",
    "transcript": "the words were known",
    "asked": "the language model was asked",
    "first_token": "its first word came",
    "first_chunk": "there was enough to begin to speak",
    "first_sound": "the voice had its first sound",
    "commit": "the turn was taken",
    "out": "the first sound was sent",
    "heard": "it was heard here",
}
_BAR_MS: Final = 40


def waterfall_lines(stages: list[tuple[str, float]]) -> list[str]:
    """A picture of a turn: each stage after the last, as long as it took."""
    lines, before = [], 0.0
    for name, ms in stages:
        bar = " " * round(max(before, 0) / _BAR_MS) + "█" * max(1, round((ms - before) / _BAR_MS))
        lines.append(f"  {ms:6.0f} ms  {STAGES.get(name, name):<36} {bar}")
        before = ms
    return lines


def _latency_line(number: int, turn: Turn) -> str:
    since = "end of speech" if turn.via == "voice" else "the text"
    if turn.latency_ms is None:
        return f"Turn {number}: no sound came back"
    return f"Turn {number}: {turn.latency_ms:.0f} ms from {since} to the first sound"


def _door(name: str, url: str, talk: Talk, host: ConversationHost | None) -> Door:
    match name:
        case "peer":
            from agent.talk.peer import PeerDoor

            return PeerDoor(url, talk)
        case "ws":
            from agent.talk.websocket import WebSocketDoor

            return WebSocketDoor(url, talk)
        case "livekit":
            from agent.talk.livekit import LiveKitDoor

            return LiveKitDoor(url, talk)
        case _:
            assert host is not None
            return LocalDoor(host, talk)
