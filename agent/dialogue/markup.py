"""Taking the markup off a stream of text: Markdown, HTML, stage directions, emoticons.

What comes out is the text alone, with three marks of our own for the reader behind it: the line end, `BLOCK` where a heading, an item or a paragraph
begins or ends, and `PAUSE` between things that stand side by side, such as the cells of a table. What only programs read (code blocks, scripts,
a model's own reasoning) is left out.
"""

from __future__ import annotations

import html
import re
from typing import Final

from agent.dialogue.characters import plain_characters
from agent.dialogue.language import HAN, is_han
from agent.dialogue.scanner import Scanner, before
from agent.dialogue.stage_directions import LONGEST, is_stage_direction

BLOCK: Final = "\x1e"
PAUSE: Final = "\x1f"

_TEXT: Final = re.compile(r"[^\n\\`*_~\[\]<(（【】:;=&|]+")
_BLANKS: Final = re.compile(r"[ \n]+")
_MARKER: Final = re.compile(rf"#{{1,6}}(?= |\n|\Z|[{HAN}])|#{{2,6}}|>|[-+*•‣◦](?= )|([0-9]{{1,3}})(?:[.)](?=[ *{HAN}])|[、）](?! *\Z))")
_MARKER_BEGINNING: Final = re.compile(r"(?:#{1,6}|[-+*•‣◦]|[0-9]{1,3}[.)、）]? *)\Z")

_RULE: Final = re.compile(r"[ :|-]{3,200}(?=\n|\Z)")
_RULE_BEGINNING: Final = re.compile(r"[ :|-]{1,200}\Z")

_FENCE: Final = re.compile(r"`{3,} *([A-Za-z0-9+#._-]{0,20}) *\n")
_FENCE_BEGINNING: Final = re.compile(r"`{3,} *[A-Za-z0-9+#._-]{0,20} *\Z")
_PROSE: Final = frozenset({"", "text", "txt", "plain", "plaintext", "markdown", "md"})

_STRUCK: Final = re.compile(r"~~(?=[^\s~])[^~\n]{1,100}~~")
_STRUCK_BEGINNING: Final = re.compile(r"~~(?:(?=[^\s~])[^~\n]{1,100}~?)?\Z")

_FOOTNOTE: Final = re.compile(
    r"\[\^?[0-9]{1,3}(?:[,–-] ?[0-9]{1,3}){0,8}\]|\[\^[A-Za-z0-9_-]{1,20}\]|\[[ xX]\](?= )|【[0-9†:a-z–-]{1,24}】"
)
_FOOTNOTE_BEGINNING: Final = re.compile(r"(?:\[\^?[0-9,– -]{0,60}|\[\^[A-Za-z0-9_-]{0,20}|\[[ xX]\]?|【[0-9†:a-z–-]{0,24})\Z")
_ADDRESS: Final = re.compile(r"\]\( ?<?(?:[A-Za-z][A-Za-z0-9+.-]{1,11}:|[/#.])")
_ADDRESS_BEGINNING: Final = re.compile(r"\](?:\( ?<?[A-Za-z0-9+.-]{0,12})?\Z")
_BRACKETS: Final = re.compile(r"[()\n]")
_LINK_TARGET: Final = re.compile(r"\]\([^\s()]{0,200}(?: [\"'][^\"'\n]{0,100}[\"'])?\)|\]\[[^\[\]\n]{0,60}\]")
_LINK_TARGET_BEGINNING: Final = re.compile(r"\](?:\([^\s()]{0,200}(?: (?:[\"'][^\"'\n]{0,100}[\"']?)?)?|\[[^\[\]\n]{0,60})?\Z")

_TAG: Final = re.compile(
    r"<(/?)([A-Za-z][A-Za-z0-9_-]{0,31})((?:\s[^<>]{0,400})?)>|<(/?)([A-Za-z][A-Za-z0-9_-]{0,31})()/>|<!(?!--)[^<>]{0,200}>"
)
_TAG_BEGINNING: Final = re.compile(r"<(?:/?(?:[A-Za-z][A-Za-z0-9_-]{0,31}(?:\s[^<>]{0,400}|/)?)?|!-?|![^<>-][^<>]{0,200})\Z")
_AUTOLINK: Final = re.compile(r"<(?:mailto:)?([^\s<>]{3,300})>")
_AUTOLINK_BEGINNING: Final = re.compile(r"<[^\s<>]{0,308}\Z")
_HEART: Final = re.compile(r"</?3{1,4}(?![0-9A-Za-z])")
_BLOCK_TAGS: Final = frozenset(
    {"p", "br", "hr", "div", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "blockquote", "pre", "section"}
)
_CELL_TAGS: Final = frozenset({"td", "th"})
_HIDDEN_TAGS: Final = frozenset({"think", "thinking", "reasoning", "thought", "script", "style", "tool_call", "svg"})

_ENTITY: Final = re.compile(r"&(?:[A-Za-z]{2,8}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_ENTITY_BEGINNING: Final = re.compile(r"&(?:[A-Za-z]{0,8}|#[0-9]{0,7}|#[xX][0-9A-Fa-f]{0,6})\Z")
_EMOTICON: Final = re.compile(rf"[:;=]['^o-]?(?:[)(]{{1,8}}|[\]\[}}{{\\/]|[DPpOoX]{{1,3}})(?![A-Za-z0-9{HAN}/])")
_EMOTICON_BEGINNING: Final = re.compile(r"[:;=]['^o-]?(?:[)(]{0,8}|[\]\[}{\\/]|[DPpOoX]{0,3})\Z")
_WORDS: Final = re.compile(rf"[A-Za-z0-9{HAN}]")
_SHORTCODE: Final = re.compile(r":[a-z][a-z0-9_+-]{1,30}:")
_SHORTCODE_BEGINNING: Final = re.compile(r":[a-z][a-z0-9_+-]{0,30}\Z")
_ESCAPABLE: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_CLOSING: Final = {"(": ")）", "（": "）)", "[": "]", "【": "】"}
_SENTENCE_ENDS: Final = frozenset(".!?…。！？\n:：)）*_]")


class MarkupScanner(Scanner):
    """Text with markup in, text alone out."""

    def __init__(self) -> None:
        super().__init__()
        self._reset()

    def _reset(self) -> None:
        self._line_start = True
        self._hidden_until = ""
        self._instead = ""
        self._address_depth = 0

    def feed(self, text: str) -> str:
        return super().feed(plain_characters(text))

    def _step(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        if self._hidden_until:
            return self._hidden(text, at, final)
        if self._address_depth:
            return self._address(text, at)
        if self._line_start:
            blanks = _BLANKS.match(text, at)
            if blanks:
                return blanks.end(), blanks.group().replace(" ", "")
            if not final and (_MARKER_BEGINNING.match(text, at) or _RULE_BEGINNING.match(text, at)):
                return None
            rule = _RULE.match(text, at)
            if rule and "-" in rule.group():
                return rule.end(), BLOCK
            marker = _MARKER.match(text, at)
            if marker:
                return marker.end(), f"{BLOCK}{marker.group(1)}{PAUSE}" if marker.group(1) else BLOCK
            self._line_start = False
        plain = _TEXT.match(text, at)
        if plain:
            return plain.end(), plain.group()
        return self._special(text, at, final)

    def _special(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        match text[at]:
            case "\n":
                self._line_start = True
                return at + 1, "\n"
            case "|" | "】":
                return at + 1, PAUSE
            case "\\":
                return self._escape(text, at, final)
            case "`":
                return self._backticks(text, at, final)
            case "*" | "_":
                return self._emphasis(text, at, final)
            case "~":
                return self._tilde(text, at, final)
            case "[" | "(" | "（" | "【":
                return self._bracket(text, at, final)
            case "]":
                return self._link_target(text, at, final)
            case "<":
                return self._tag(text, at, final)
            case "&":
                return self._entity(text, at, final)
            case _:
                return self._emoticon(text, at, final)

    def _hide(self, until: str, instead: str) -> None:
        """Leave out everything up to and with the mark `until`, and write `instead`."""
        self._hidden_until, self._instead = until, instead

    def _hidden(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        mark = self._hidden_until
        found = text.find(mark, at)
        if found >= 0:
            self._hidden_until = ""
            return found + len(mark), self._instead
        if final:
            return len(text), ""
        unread = next((length for length in range(len(mark) - 1, 0, -1) if text.endswith(mark[:length], at)), 0)
        return (len(text) - unread, "") if len(text) - unread > at else None

    def _address(self, text: str, at: int) -> tuple[int, str]:
        """Skip the rest of a link's address, which may hold brackets but no line end."""
        for bracket in _BRACKETS.finditer(text, at):
            if bracket.group() == "\n":
                self._address_depth = 0
                return bracket.start(), ""
            self._address_depth += 1 if bracket.group() == "(" else -1
            if not self._address_depth:
                return bracket.end(), ""
        return len(text), ""

    def _escape(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        if at + 1 == len(text):
            return (at + 1, "") if final else None
        escaped = text[at + 1]
        return (at + 2, escaped) if escaped in _ESCAPABLE else (at + 1, "")

    def _backticks(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        run = _run_end(text, at)
        if run - at >= 200:
            return run, ""
        if not final and (run == len(text) or _FENCE_BEGINNING.match(text, at)):
            return None
        fence = _FENCE.match(text, at)
        if fence:
            if fence.group(1).lower() not in _PROSE:
                self._hide("```", BLOCK)
            return fence.end() - 1, BLOCK
        return run, ""

    def _emphasis(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        mark, run = text[at], _run_end(text, at)
        ahead = text[run : run + 2]
        if ahead in ("", " ") and not final:
            return None
        previous, following = before(text, at, 1), ahead[:1]
        if run - at <= 2 and previous.isdigit() and following.isdigit() and mark == "*":
            return run, "×" if run - at == 1 else "^"
        if mark == "_" and _is_word(previous) and _is_word(following):
            return run, "_"
        if mark == "*" and run - at == 1 and ahead[:1] == " " and ahead[1:].isdigit() and before(text, at).rstrip(" ")[-1:].isdigit():
            return run, "×"
        if run - at > 1 or not following or following.isspace() or (mark == "_" and _is_word(previous)):
            return run, ""
        return self._direction(text, at, run, mark, "", final)

    def _tilde(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        run = _run_end(text, at)
        if run == len(text) and not final:
            return None
        if run - at != 2 or before(text, at, 1).strip():
            return run, "~"
        if not final and _STRUCK_BEGINNING.match(text, at):
            return None
        struck = _STRUCK.match(text, at)
        return (struck.end(), "") if struck else (run, "~")

    def _bracket(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        mark = text[at]
        if mark in "[【":
            if not final and _FOOTNOTE_BEGINNING.match(text, at):
                return None
            footnote = _FOOTNOTE.match(text, at)
            if footnote:
                return footnote.end(), ""
        return self._direction(text, at, at + 1, _CLOSING[mark], mark if mark in "(（" else "", final)

    def _direction(self, text: str, at: int, start: int, closing: str, otherwise: str, final: bool) -> tuple[int, str] | None:
        """Leave out what stands between `start` and a `closing` mark if it is a stage direction; if not, write `otherwise` and go on behind the mark."""
        limit = start + LONGEST + 1
        end = min((found for mark in (*closing, "\n") if (found := text.find(mark, start, limit)) >= 0), default=-1)
        closed = end >= 0 and text[end] in closing
        content = text[start : end if end >= 0 else limit].lstrip("*_ ")
        content = content.rstrip("*_ ") if closed else content
        decided = is_stage_direction(content, closed=closed, alone=text[at] in "[【" or _at_sentence_start(text, at))
        if decided:
            return end + 1, " "
        if decided is None and end < 0 and len(text) < limit and not final:
            return None
        return start, otherwise

    def _link_target(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        if not final and (_ADDRESS_BEGINNING.match(text, at) or _LINK_TARGET_BEGINNING.match(text, at)):
            return None
        address = _ADDRESS.match(text, at)
        if address:
            self._address_depth = 1
            return address.end(), ""
        target = _LINK_TARGET.match(text, at)
        return (target.end() if target else at + 1), ""

    def _tag(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        if text.startswith("<!--", at):
            self._hide("-->", "")
            return at + 4, ""
        if not final and (_TAG_BEGINNING.match(text, at) or _AUTOLINK_BEGINNING.match(text, at)):
            return None
        heart = _HEART.match(text, at)
        if heart:
            return heart.end(), " "
        tag = _TAG.match(text, at)
        if tag:
            return self._known_tag(tag)
        link = _AUTOLINK.match(text, at)
        if link and not set(link.group(1)).isdisjoint(".@:"):
            return link.end(), f" {link.group(1)} "
        return at + 1, "<"

    def _known_tag(self, tag: re.Match[str]) -> tuple[int, str]:
        name = (tag.group(2) or tag.group(5) or "").lower()
        attributes = (tag.group(3) or "").strip(" /\n")
        if attributes and "=" not in attributes and name not in _BLOCK_TAGS:
            return tag.start() + 1, "<"
        if name in _HIDDEN_TAGS and tag.group(2) and not tag.group(1) and not tag.group(3).endswith("/"):
            self._hide(f"</{tag.group(2)}>", BLOCK)
            return tag.end(), ""
        if name in _CELL_TAGS:
            return tag.end(), PAUSE
        return tag.end(), BLOCK if name in _BLOCK_TAGS else ""

    def _entity(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        if not final and _ENTITY_BEGINNING.match(text, at):
            return None
        entity = _ENTITY.match(text, at)
        if entity:
            return entity.end(), plain_characters(html.unescape(entity.group()))
        return at + 1, "&"

    def _emoticon(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        """At `:`, `;` or `=`, each of which may be the eyes of a face."""
        previous = before(text, at, 1)
        glued = _is_word(previous) and previous.isascii()
        if not final and (_EMOTICON_BEGINNING.match(text, at) or (not glued and _SHORTCODE_BEGINNING.match(text, at))):
            return None
        face = _EMOTICON.match(text, at)
        if face and (not _WORDS.match(previous) or set(face.group()[1:]) <= set(")(")):
            return face.end(), " "
        code = None if glued else _SHORTCODE.match(text, at)
        return (code.end(), " ") if code else (at + 1, text[at])


def _run_end(text: str, at: int) -> int:
    """Behind the run of the same character that begins at `at`, 200 at most."""
    end = at + 1
    while end < len(text) and end - at < 200 and text[end] == text[at]:
        end += 1
    return end


def _is_word(character: str) -> bool:
    return character.isalnum() and not is_han(character)


def _at_sentence_start(text: str, at: int) -> bool:
    previous = before(text, at).rstrip(" ")
    return not previous or previous[-1] in _SENTENCE_ENDS
