"""Words that say "go on", in both languages: they do not take the turn."""

from __future__ import annotations

import re
from typing import Final

from agent.media.barge_in import Meaning
from agent.media.turn_taking import MICROPHONE_RATE


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split(","))


_NODS: Final = _phrases(
    """
    yeah, yes, yep, yup, ya, uh, uh huh, uhhuh, um, mhm, mm, mmm, mm hmm, mmhmm, hmm, hm, huh, er, eh, ok, okay, right, alright, all right, sure, of course, fine,
    oh, ah, aha, ha, haha, wow, really, indeed, absolutely, definitely, exactly, true, interesting, i see, i know, i understand, understood, got it, gotcha,
    makes sense, cool, nice, great, good, perfect, amazing, awesome, lovely,
    嗯, 嗯嗯, 嗯哼, 哦, 噢, 喔, 啊, 呀, 唉, 诶, 嘛, 哈, 哈哈, 哇, 对, 对对, 对对对, 对啊, 对呀, 好, 好的, 好吧, 好啊, 好呀, 太好了, 行, 行吧, 是, 是的, 是啊, 是呀, 是吗, 没错,
    明白, 明白了, 我明白, 知道, 知道了, 我知道, 懂了, 我懂, 听懂了, 了解, 原来如此, 这样啊, 真的, 真的吗, 可以, 当然, 没问题, 有意思, 厉害
    """
)
_NODDING: Final = frozenset("嗯哦噢喔啊呀唉诶哇对好行是")
"""Characters of nods: of what has at most four, two thirds are enough, since one is easily misheard (对对对 as 对最对)."""
_COMMANDS: Final = _phrases(
    """
    stop, wait, no, nope, not, never, wrong, hey, hello, hi, bye, goodbye, why, what, who, how, when, where, which, can, could, sorry, excuse, pardon, thanks, thank,
    listen, enough, quiet, actually, but, help, pause, please, next, again, silence, shush, hold, hang, shut, slower, faster, louder, too, go, come, skip, forget,
    cancel, repeat, tell, say, let, turn, question, second, moment, minute
    """
)
_COMMANDING: Final = frozenset("停听挺不部普等喂别错谁嘿哎够慢快什怎哪何几再换住闭嘴关问说先救没静算跳重谢中必")
"""With one of these words or characters even the briefest utterance takes the turn (听 and 挺 sound as 停 does, 部队 and 普通
are written for 不对, 中来 for 重来)."""
BRIEF: Final = MICROPHONE_RATE * 500 // 1000
"""Two words, or two Chinese characters, in less than this and without a command are a nod which was misunderstood: 嗯 and "uh-huh" are no words, but
recognisers write words ("if I", "mama")."""
MOST_CLAUSES: Final = 4
"""Who nods more often at once says something ("yes, yes, yes, I know, okay, fine")."""
_NOISE: Final = re.compile(r"[\[(（*【].*?[\])）*】]")
"""What recognisers write for sounds: [coughing], (笑), *music*."""
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CLAUSE: Final = re.compile(r"[,.!?;，。！？；、]")


def meaning_of(text: str, voiced: int = BRIEF) -> Meaning:
    """What a transcript means while somebody else speaks. `voiced`: microphone samples of speech in it."""
    said = _NOISE.sub(" ", text).lower()
    words = _WORD.findall(said)
    if not words:
        return Meaning.NOTHING
    if is_backchannel(said):
        return Meaning.NOD
    commands = not _COMMANDS.isdisjoint(words) or not _COMMANDING.isdisjoint(said)
    small = len(set(words)) <= 2 if all(map(str.isascii, words)) else len(words) == 1 and len(words[0]) <= 2
    return Meaning.NOD if small and voiced < BRIEF and not commands else Meaning.WORDS


def is_backchannel(text: str) -> bool:
    """Whether `text` is nothing but a nod (嗯, 对, yeah, I see), once or repeated."""
    clauses = [clause for clause in _CLAUSE.split(text) if clause.strip()]
    if 1 < len(clauses) <= MOST_CLAUSES:
        return all(map(is_backchannel, clauses))
    words = re.sub(r"[^\w\s]", " ", text.lower()).replace("-", " ").split()
    if not words:
        return False
    joined = "".join(words)
    if " ".join(words) in _NODS or joined in _NODS:
        return True
    if 2 <= len(joined) <= 4 and len(set(joined)) == 1 and _COMMANDING.isdisjoint(joined):
        return True  # what is said three times, 对对对, is written with whatever character sounds like it
    if len(joined) <= 4 and 3 * sum(map(_NODDING.__contains__, joined)) >= 2 * len(joined) and _COMMANDING.isdisjoint(joined):
        return True
    return len(words) <= 4 and all(word in _NODS for word in words)
