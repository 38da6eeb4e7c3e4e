"""What an offer must be before a peer connection is made for it. Pure: text in, text out.

The answering side of WebRTC is strict here on purpose: one sound line at most, one line of data channels, everything bundled, Opus. Candidates are kept only
when they are addresses: a name (`….local`, which Chromium puts in place of its address until the microphone is allowed) would have to be asked for on the
network. Nothing is lost by that, because the browser reaches our candidates and its own address is learned from there (RFC 8445, 7.3.1.3).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from aiortc.sdp import MediaDescription, SessionDescription

from agent.protocol.envelope import MAX_FRAME_BYTES

MAX_OFFER_BYTES: Final = 64 * 1024
MAX_LINES: Final = 500
"""A browser's offer has about a hundred. The time to read one grows with the square of this."""
MAX_CANDIDATES: Final = 20
"""More would only be more addresses to which we send."""
_CANDIDATE: Final = "a=candidate:"
_END_OF_CANDIDATES: Final = "a=end-of-candidates"


class BadOffer(ValueError):
    """The offer cannot be answered; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be answered."""

    sdp: str
    audio: bool
    """Whether it has a sound line."""


def read_offer(sdp: str) -> Offer:
    """Check an offer. Raises `BadOffer`."""
    lines = _without_names(sdp.splitlines())
    if len(lines) > MAX_LINES:
        raise BadOffer(f"expected at most {MAX_LINES} lines, not {len(lines)}")
    sdp = "\r\n".join([*lines, ""])
    try:
        description = SessionDescription.parse(sdp)
    except Exception as error:  # aiortc's parser fails as the text makes it: ValueError, IndexError, KeyError, AssertionError …
        raise BadOffer(f"expected an SDP offer (RFC 8866); it cannot be read: {error!r:.100}") from None
    kinds = [media.kind for media in description.media]
    if sorted(kinds) not in (["application"], ["application", "audio"]):
        raise BadOffer(f"expected one m=audio and one m=application (data channels), not {', '.join(kinds)[:100] or 'none'}")
    mids = [media.rtp.muxId for media in description.media]
    bundled = next((group.items for group in description.group if group.semantic == "BUNDLE"), [])
    if len(set(mids)) < len(mids) or (len(mids) > 1 and set(mids) - set(bundled)):
        raise BadOffer("expected a=group:BUNDLE with the a=mid of every line")
    for media in description.media:
        _check(media)
    return Offer(sdp, audio="audio" in kinds)


def _check(media: MediaDescription) -> None:
    ice, dtls = media.ice, media.dtls
    if ice is None or not (4 <= len(ice.usernameFragment or "") <= 256 and 22 <= len(ice.password or "") <= 256):
        raise BadOffer(f"m={media.kind}: expected a=ice-ufrag of 4 to 256 and a=ice-pwd of 22 to 256 characters")
    if dtls is None or not dtls.fingerprints:
        raise BadOffer(f"m={media.kind}: expected a=fingerprint and a=setup")
    if media.kind == "audio":
        if not any(codec.mimeType.lower() == "audio/opus" for codec in media.rtp.codecs):
            raise BadOffer("m=audio: expected Opus among the codecs")
        if not media.rtcp_mux:
            raise BadOffer("m=audio: expected a=rtcp-mux")
    elif media.profile != "UDP/DTLS/SCTP" or not 0 < (media.sctp_port or 0) < 2**16:
        raise BadOffer("m=application: expected UDP/DTLS/SCTP webrtc-datachannel with a=sctp-port")
    elif media.sctpCapabilities and 0 < media.sctpCapabilities.maxMessageSize < MAX_FRAME_BYTES:
        raise BadOffer(f"m=application: expected a=max-message-size of at least {MAX_FRAME_BYTES}")


def _without_names(lines: list[str]) -> list[str]:
    """`lines` without candidates that are no addresses, or too many, and without the end of candidates: the client's own address may be yet to come."""
    kept, candidates = [], 0
    for line in lines:
        if line.startswith(_END_OF_CANDIDATES):
            continue
        if line.startswith(_CANDIDATE):
            if candidates == MAX_CANDIDATES or not _is_address(line):
                continue
            candidates += 1
        kept.append(line)
    return kept


def _is_address(candidate: str) -> bool:
    """Whether checks can be sent there: `a=candidate:FOUNDATION 1 udp PRIORITY ADDRESS PORT typ TYPE …` (RFC 8839, 5.1)."""
    fields = candidate.removeprefix(_CANDIDATE).split()
    if len(fields) < 8 or fields[1] != "1" or fields[2].lower() != "udp" or fields[7] not in ("host", "srflx", "relay"):
        return False
    try:
        priority, address, port = int(fields[3]), ipaddress.ip_address(fields[4]), int(fields[5])
    except ValueError:
        return False
    return 0 <= priority < 2**32 and 0 < port < 2**16 and not (address.is_multicast or address.is_unspecified)
