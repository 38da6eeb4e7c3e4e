"""Telling (laughs), *smiles warmly* or （微笑）, which nobody says, from brackets and emphasis that are part of the sentence."""

from __future__ import annotations

import re
from typing import Final

from agent.dialogue.language import HAN

LONGEST: Final = 48
"""Characters between the two marks; what is longer is spoken."""
_LONGEST_FACE: Final = 14
_LONGEST_CHINESE: Final = 12
_LONGEST_WORD: Final = 20

_GESTURE: Final = (
    r"(?:smil|grin|laugh|chuckl|giggl|snicker|sigh|nod|wink|shrug|blush|bow|clap|cough|gasp|groan|grimac|frown|hug|gaz|glanc|pout|purr|sniff|sob|smirk|yawn|beam|"
    r"whisper|applaud|inhal|exhal|mumbl|mutter|snort|squeal|shiver|gestur|paus)(?:[bdgnp]?ing|e?[sd]?)"
)
_GESTURE_ALONE: Final = r"(?:wav|lean|look|think|point|star|tilt|bounc|jump|danc|humm|hum|sing|kiss|blink|ponder|stretch|step|stepp|sit|sitt|breath|listen)(?:ing|e?s)"
_BODY_VERB: Final = r"(?:clear|rais|roll|scratch|shak|tilt|nodd?)(?:ing|e?s)"
_BODY: Final = r"(?:(?:my|his|her|their|its|one|both|an) )?(?:throat|eyebrows?|brows?|eyes|head|hands?|chin|shoulders?)"
_MOOD: Final = r"softly|warmly|gently|cheerfully|excitedly|playfully|thoughtfully|quietly|laughter|applause|silence|beat|facepalm|music"
_ADVERBS: Final = r"(?:(?:[a-z]+ly|also|then|still|just)[\s,]+)*"
_REST: Final = r"(?:[\s,]+[^.!?\d]*)?"

_OPENS: Final = re.compile(rf"{_GESTURE}|{_BODY_VERB}|{_MOOD}|[a-z]+ly|also|then|still|just|takes?|deep|with|in", re.IGNORECASE)
_OPENS_ALONE: Final = re.compile(_GESTURE_ALONE, re.IGNORECASE)
_ENGLISH: Final = re.compile(
    rf"{_ADVERBS}(?:{_GESTURE}|{_BODY_VERB} {_BODY}){_REST}|{_MOOD}(?: play(?:s|ing))?|(?:takes? a )?deep breath|takes? a breath"
    r"|(?:with|in) a (?:[a-z]+ ){0,2}(?:smile|grin|laugh|sigh|chuckle|voice|tone|whisper|wink|nod)",
    re.IGNORECASE,
)
_ENGLISH_ALONE: Final = re.compile(_ADVERBS + _GESTURE_ALONE + _REST, re.IGNORECASE)
_PREPOSITION: Final = re.compile(r"(?:with|in)(?: (?:a(?: .*)?)?)?", re.IGNORECASE)
_FIRST_WORD: Final = re.compile(r"[A-Za-z']+")

_CHINESE_GESTURE: Final = (
    r"微笑|[大苦轻傻偷坏狂憨]笑|笑[了着]|笑呵呵|笑嘻嘻|[一地]笑|^笑$|叹[气息了]|点了?点?头|摇了?摇?头|挥了?挥?手|眨了?眨?眼|鼓掌|拥抱|鞠躬|沉思|思考[中片了]|停顿|沉默|咳嗽|清了?清?嗓"
    r"|哭泣|哭了|流泪|脸红|皱了?皱?眉|耸了?耸?肩|歪着?头|挠了?挠?头|[轻小低柔]声|深呼吸|害羞|捂脸|比心|掌声|音乐响起"
)
_CHINESE: Final = re.compile(rf"(?!.*(?:玩笑|笑话|[可好搞]笑))(?=.*(?:{_CHINESE_GESTURE}))[{HAN}，、]+")
_CHINESE_ONLY: Final = re.compile(f"[{HAN}，、]*")
_SPEAKABLE: Final = re.compile(rf"[A-Za-z0-9{HAN}\u3040-\u30ff\uac00-\ud7af]")


def is_stage_direction(content: str, *, closed: bool, alone: bool) -> bool | None:
    """Whether the text between two marks is a gesture or a face such as ^_^ and not words to say; None while only more text can tell.

    `content` has no line end; `closed`: the second mark has come. `alone`: the first mark stands at the beginning of a sentence, where verbs with other
    uses ("waves", "looks around") are gestures too. What is False for a beginning stays False however it goes on.
    """
    if _FIRST_WORD.match(content):
        return _english(content, closed, alone)
    if _CHINESE_ONLY.match(content, 0, 1).end():  # type: ignore[union-attr]
        if len(content) > _LONGEST_CHINESE or not _CHINESE_ONLY.fullmatch(content):
            return False
        return _CHINESE.fullmatch(content) is not None if closed else None
    if len(content) > _LONGEST_FACE or _SPEAKABLE.search(content):
        return False
    return True if closed else None


def _english(content: str, closed: bool, alone: bool) -> bool | None:
    first = _FIRST_WORD.match(content)
    assert first is not None
    word = first.group()
    if first.end() < len(content) or closed:
        if not (_OPENS.fullmatch(word) or (alone and _OPENS_ALONE.fullmatch(word))):
            return False
        if word.lower() in ("with", "in") and not _PREPOSITION.fullmatch(content):
            return False
    elif len(word) > _LONGEST_WORD:
        return False
    if len(content) > LONGEST:
        return False
    if not closed:
        return None
    return bool(_ENGLISH.fullmatch(content) or (alone and _ENGLISH_ALONE.fullmatch(content)))
