"""What of a conversation fits a small model's window. Tokens are estimated, never counted: a wrong guess costs a little memory, not an error."""

from __future__ import annotations

import re
from typing import Final

from livekit.agents import llm

ANSWER_TOKENS: Final = 160
"""At most; answers are spoken, so they are short."""
ENOUGH_TOKENS: Final = 90
"""After so many an answer ends with its sentence: small models do not stop by themselves when they tell a story, and nobody wants to listen to them for minutes."""
TEMPERATURE: Final = 0.3
PROMPT_TOKENS: Final = 1_600
"""A processor without a GPU reads some 60 tokens a second: more than this nobody wants to wait for, cached or not."""
PER_MESSAGE: Final = 6
"""Tokens around each message."""
STEP: Final = 6
_SENTENCE_END: Final = re.compile(r"(?:[!?。！？]|(?<=[^\W\d_]{3})\.)[\"'”’」』]?\s*$")
_CUT: Final = " […] "


def estimate(text: str) -> int:
    """Tokens of `text`, on the safe side: a token for three letters of Latin script, one for each other character."""
    latin = sum(1 for character in text if ord(character) < 0x2E80)
    return -(-latin // 3) + (len(text) - latin) + PER_MESSAGE


def fit(context: llm.ChatContext, budget: int) -> llm.ChatContext:
    """The context with its oldest turns left out, and overlong messages shortened in the middle, so that it fits `budget` tokens. System messages stay.

    Turns go `STEP` at a time, so that the beginning of the prompt, which the model has cached, changes seldom.
    """
    items = [_shorten(item, budget // 2) for item in context.items]
    talk = [item for item in items if not _is_system(item)]
    room = budget - sum(_size(item) for item in items if _is_system(item))
    dropped = 0
    while dropped < len(talk) - 1 and sum(_size(item) for item in talk[dropped:]) > room:
        dropped = min(dropped + STEP, len(talk) - 1)
    chosen = {id(item) for item in talk[dropped:]}
    return llm.ChatContext([item for item in items if _is_system(item) or id(item) in chosen])


def _is_system(item: llm.ChatItem) -> bool:
    return item.type == "message" and item.role in ("system", "developer")


def _size(item: llm.ChatItem) -> int:
    if item.type == "message":
        return estimate(item.text_content or "")
    return estimate(str(item.model_dump_json()))


def _shorten(item: llm.ChatItem, limit: int) -> llm.ChatItem:
    if item.type != "message" or estimate(text := item.text_content or "") <= limit:
        return item
    keep = len(text) * limit // estimate(text) // 2
    return item.model_copy(update={"content": [text[:keep] + _CUT + text[-keep:]]})


def is_enough(tokens: int, answer: str) -> bool:
    """Whether an answer of so many tokens may end here: at the end of a sentence, and not in the middle of a number or of "e.g."."""
    return tokens >= ENOUGH_TOKENS and bool(_SENTENCE_END.search(answer))
