"""What the words of somebody who pauses tell about whether they have finished: rules of thumb, for both languages."""

from __future__ import annotations

import re
from typing import Final

_UNFINISHED_EN: Final = re.compile(
    r"\b(?:and|or|but|so|because|if|when|that|which|the|a|an|to|of|in|on|at|for|with|from|my|your|is|are|was|i|um+|uh+|er+)[\s,.…-]*$",
    re.IGNORECASE,
)
_UNFINISHED_ZH: Final = re.compile(
    r"(?:和|跟|或者|但是|可是|因为|所以|如果|的话|然后|还有|而且|比如|那个|这个|就是|嗯|呃|我想|我要|一个|想要|需要|打算|准备|正在|应该|觉得|听说"
    r"|[寄送走直]到|[把给从向]|(?<![不可还])是)[，。、…\s]*$"
)
_ENDED: Final = re.compile(r"[.!?。！？]\s*$")
_AUXILIARY: Final = r"(?:do|does|did|is|are|am|was|were|will|would|can|could|should|shall|may|has|have|had|must)\b|\w+'s\b"
_CLAUSE_EN: Final = re.compile(
    rf"(?:(?:if|because|although|though|unless|until|whenever|since|while|as (?:far|soon|long) as)\b|(?:when|where|before|after) (?!{_AUXILIARY})\w+ \w+)",
    re.IGNORECASE,
)
_PHRASE_EN: Final = re.compile(
    r"(?:in|on|at|after|before|during|from|with|without|by|for|to|through|under|over|apart|according|instead|despite)\b", re.IGNORECASE
)
_SAYS_SOMETHING_EN: Final = re.compile(
    rf"\b(?:i|you|he|she|we|they|it|there|what|who|how|why|which|please|yes|no|{_AUXILIARY})\b|n't\b|'(?:m|re|ve|ll|d)\b", re.IGNORECASE
)
_PHRASE_WORDS: Final = 8
_CLAUSE_ZH: Final = re.compile(r"(?:如果|要是|因为|由于|虽然|尽管|既然|即使|只要|只有|除非|自从)")
_MAIN_CLAUSE_ZH: Final = re.compile(r"[，,].{2}|就|所以|但|可是|还是|才|都|那")
_PHRASE_ZH: Final = re.compile(r"(?:的时候|以后|之后|以前|之前|路上|所知|实话|老实说|总的来说|对我来说|的话)[，。、…\s]*$")


def sounds_complete(text: str) -> bool:
    """Whether a transcript reads like a whole sentence."""
    return bool(text.strip()) and not _UNFINISHED_EN.search(text) and not _UNFINISHED_ZH.search(text)


def leads_on(text: str) -> bool:
    """Whether it reads like the begin of a sentence that goes on: a subordinate clause, or what is said of time and place before it, with nothing behind."""
    bare = text.strip().rstrip(".,!。，！… ")
    if text.rstrip().endswith(("?", "？")):
        return False
    if bare and not bare[-1].isascii():
        return bool(_PHRASE_ZH.search(bare) or (_CLAUSE_ZH.match(bare) and not _MAIN_CLAUSE_ZH.search(bare)))
    if "," in bare:
        return False
    if _CLAUSE_EN.match(bare):
        return True
    return bool(_PHRASE_EN.match(bare)) and len(bare.split()) <= _PHRASE_WORDS and not _SAYS_SOMETHING_EN.search(bare)


def breaks_off(text: str) -> bool:
    """Whether the recogniser put a comma or an ellipsis at the end: more often than not the speaker goes on."""
    return text.rstrip().endswith((",", "，", "…", "..."))


def ends_sentence(text: str) -> bool:
    """Whether the recogniser put a full stop, question or exclamation mark at the end."""
    return bool(_ENDED.search(text))


def sure_beginning(text: str) -> str:
    """What of a growing transcript will hardly change: all but its last word (two Chinese characters) and the mark after it."""
    bare = text.rstrip(" .,?!，。？！、…")
    if bare and not bare[-1].isascii():
        return bare[:-2]
    return bare.rpartition(" ")[0]
