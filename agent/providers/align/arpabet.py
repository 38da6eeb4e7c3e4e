"""Between the alphabet of phonemes that the local voices share and that of the acoustic model, ARPAbet without stress. Data, and two lookups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_OF: Final = {
    "ɑ": "AA", "a": "AA", "æ": "AE", "ʌ": "AH", "ɐ": "AH", "ə": "AH", "ᵊ": "AH", "ɔ": "AO", "ɒ": "AO", "W": "AW", "I": "AY",
    "ɛ": "EH", "e": "EH", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "A": "EY", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "O": "OW", "Q": "OW", "o": "OW",
    "Y": "OY", "ʊ": "UH", "u": "UW", "b": "B", "ʧ": "CH", "d": "D", "ɾ": "D", "T": "D", "ð": "DH", "f": "F", "ɡ": "G", "h": "HH",
    "x": "HH", "ʤ": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T",
    "θ": "TH", "v": "V", "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
_SYMBOL: Final = {
    **{arpabet: symbol for symbol, arpabet in reversed(_OF.items())},
    "ER": "ɜ",
}
_VOWELS: Final = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])


class Phoneme(NamedTuple):
    """A sound in both alphabets."""

    symbol: str
    arpabet: str


def phonemes(spelled: str) -> list[Phoneme]:
    """The sounds of a word in the voices' alphabet; marks of stress, length and pause are left out."""
    return [Phoneme(symbol, _OF[symbol]) for symbol in spelled if symbol in _OF]


def spelled(arpabet: Sequence[str]) -> str:
    """A word of ARPAbet in the voices' alphabet. ARPAbet writes the vowels of `cut` and of `about` alike: a word's only vowel is the former."""
    only = sum(phone in _VOWELS for phone in arpabet) == 1
    return "".join("ʌ" if phone == "AH" and only else "ə" if phone == "AH" else _SYMBOL[phone] for phone in arpabet)
