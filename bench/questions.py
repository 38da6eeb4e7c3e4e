"""What is asked, as people ask it, and the sound of it: spoken by the local voices once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from livekit.agents import tts

from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.messages import Language
from infra.paths import cache_home

QUESTIONS: Final[dict[Language, tuple[str, ...]]] = {
    "en": (
        "Hello, who are you?",
        "What is the capital of France?",
        "How does a rainbow form?",
        "Can you tell me a short story about a cat?",
        "Why is the sky blue?",
        "What should I cook for dinner tonight?",
        "How many legs does a spider have?",
        "Who wrote Romeo and Juliet?",
        "What is the largest ocean in the world?",
        "How do birds know where to fly in winter?",
        "What is your favorite color?",
        "Can you explain what a computer does?",
        "How long does it take to boil an egg?",
        "What makes bread rise?",
        "Which planet is closest to the sun?",
        "How can I sleep better at night?",
        "What is a good name for a small dog?",
        "Why do leaves change color in autumn?",
        "Tell me something about elephants.",
        "What time of year is best for planting flowers?",
    ),
    "zh": (
        "你好，你是谁？",
        "中国的首都是哪里？",
        "彩虹是怎么形成的？",
        "给我讲一个小猫的故事。",
        "天空为什么是蓝色的？",
        "今天晚上吃什么好？",
        "蜘蛛有几条腿？",
        "长城有多长？",
        "世界上最大的海洋是什么？",
        "鸟儿冬天为什么飞到南方？",
        "你最喜欢什么颜色？",
        "请问电脑能做什么？",
        "煮鸡蛋需要多长时间？",
        "怎么学好英语？",
        "离太阳最近的行星是哪一颗？",
        "晚上睡不着怎么办？",
        "给小狗起个什么名字好？",
        "秋天树叶为什么会变黄？",
        "给我介绍一下大熊猫。",
        "什么时候适合种花？",
    ),
}


VOICE: Final = "zm_yunxi"
"""Who asks in Chinese: another one than who answers, and of the local voices the one that the recogniser understands best."""


async def spoken(text: str, voice: tts.TTS[Any]) -> Pcm:
    """`text` as microphone sound (16 kHz mono), by `voice` when it is not in the cache yet."""
    path = _path(text)
    if not path.is_file():
        frame = await voice.synthesize(text).collect()
        pcm = soxr.resample(np.frombuffer(frame.data, np.int16), frame.sample_rate, MICROPHONE_RATE)
        _write(path, pcm)
    return _read(path)


def recorded(text: str) -> Pcm:
    """What `spoken` made of `text` before. Raises `FileNotFoundError`."""
    return _read(_path(text))


def _path(text: str) -> Path:
    return cache_home() / "bench" / f"{hashlib.sha256(f'{VOICE} {text}'.encode()).hexdigest()[:16]}.wav"


def _read(path: Path) -> Pcm:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def _write(path: Path, pcm: Pcm) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MICROPHONE_RATE)
        file.writeframes(pcm.astype("<i2").tobytes())
