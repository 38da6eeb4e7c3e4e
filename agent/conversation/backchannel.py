"""Words that say "go on", in both languages: they do not take the turn."""

from __future__ import annotations

import re
from typing import Final

from agent.media.barge_in import Meaning
from agent.media.turn_taking import MICROPHONE_RATE

_NODS: Final = frozenset(
    [
        "yeah",
        "yes",
        "yep",
        "yup",
        "uh huh",
        "uhhuh",
        "mhm",
        "mm",
        "mmm",
        "mm hmm",
        "mmhmm",
        "hmm",
        "hm",
        "ok",
        "okay",
        "right",
        "sure",
        "oh",
        "ah",
        "aha",
        "wow",
        "really",
        "i see",
        "got it",
        "cool",
        "nice",
        "great",
        "good",
        "true",
        "exactly",
        "嗯",
        "嗯嗯",
        "哦",
        "噢",
        "喔",
        "啊",
        "呀",
        "唉",
        "诶",
        "对",
        "对对",
        "对对对",
        "好",
        "好的",
        "好吧",
        "行",
        "是",
        "是的",
        "是吗",
        "没错",
        "明白",
        "知道了",
        "了解",
        "原来如此",
        "这样啊",
        "哇",
        "真的吗",
        "可以",
    ]
)


_NOISE: Final = re.compile(r"[\[(（*【].*?[\])）*】]")
"""What recognisers write for sounds: [coughing], (笑), *music*."""


_COMMANDS: Final = frozenset(
    [
        "stop",
        "wait",
        "no",
        "nope",
        "hey",
        "hello",
        "hi",
        "why",
        "what",
        "who",
        "how",
        "when",
        "where",
        "which",
        "sorry",
        "listen",
        "enough",
        "quiet",
        "actually",
        "but",
        "help",
        "pause",
        "please",
        "next",
        "again",
        "silence",
        "shush",
        "停",
        "不",
        "等",
        "喂",
        "别",
        "错",
        "谁",
        "嘿",
        "哎",
        "够",
        "慢",
        "快",
    ]
)
"""Single words that do take the turn."""
BRIEF: Final = MICROPHONE_RATE * 500 // 1000
"""A single word that is shorter than this and no command is a nod which was misunderstood: 嗯 and "mm" are no words, but recognisers write words."""


def meaning_of(text: str, voiced: int = BRIEF) -> Meaning:
    """What a transcript means while somebody else speaks. `voiced`: microphone samples of speech in it."""
    said = _NOISE.sub(" ", text)
    if not re.search(r"\w", said):
        return Meaning.NOTHING
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", said.lower())
    single = len(words) == 1 and (words[0].isascii() or len(words[0]) == 1)
    brief = single and voiced < BRIEF and words[0] not in _COMMANDS
    return Meaning.NOD if brief or is_backchannel(said) else Meaning.WORDS


def is_backchannel(text: str) -> bool:
    """Whether `text` is nothing but a nod (嗯, 对, yeah, I see), once or repeated."""
    words = re.sub(r"[^\w\s]", " ", text.lower()).replace("-", " ").split()
    if not words:
        return False
    if " ".join(words) in _NODS or "".join(words) in _NODS:
        return True
    return len(words) <= 4 and all(word in _NODS for word in words)
