import contextlib
import random

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from hypothesis import given
from hypothesis import strategies as st

from agent.transports.webrtc_offer import MAX_CANDIDATES, MAX_LINES, BadOffer, read_offer

CHROMIUM = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 3f1c7b0e-9c53-4f0e-8a35-0d0c6f6f5a11.local 51234 typ host generation 0 network-cost 999
a=candidate:2 1 udp 2113937151 192.0.2.2 51235 typ host generation 0 network-id 1
a=candidate:3 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active generation 0
a=end-of-candidates
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=ice-options:trickle
a=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:- 5f0
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1001 cname:abc
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=ice-options:trickle
a=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
""".replace("\n", "\r\n")


def without(start: str) -> str:
    return "\r\n".join(line for line in CHROMIUM.splitlines() if not line.startswith(start)) + "\r\n"


def test_a_browsers_offer_is_taken_without_names_and_without_an_end_of_candidates() -> None:
    offer = read_offer(CHROMIUM)
    assert offer.audio
    assert ".local" not in offer.sdp
    assert "end-of-candidates" not in offer.sdp
    assert [line for line in offer.sdp.splitlines() if "candidate" in line] == [
        "a=candidate:2 1 udp 2113937151 192.0.2.2 51235 typ host generation 0 network-id 1"
    ]


def test_an_offer_without_sound_is_taken() -> None:
    head, _, tail = CHROMIUM.partition("m=audio")
    offer = read_offer(head + "m=application" + tail.partition("m=application")[2])
    assert not offer.audio


async def test_aiortcs_own_offer_is_taken() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("audio")
    connection.createDataChannel("visavis")
    await connection.setLocalDescription(await connection.createOffer())
    assert read_offer(connection.localDescription.sdp).audio
    await connection.close()


@pytest.mark.parametrize(
    "candidate",
    [
        "1 1 udp 1 example.org 5000 typ host",
        "1 1 udp 1 224.0.0.251 5353 typ host",
        "1 1 udp 1 0.0.0.0 5000 typ host",
        "1 1 udp 1 192.0.2.1 0 typ host",
        "1 1 udp 1 192.0.2.1 99999 typ host",
        "1 1 udp 99999999999 192.0.2.1 5000 typ host",
        "1 2 udp 1 192.0.2.1 5000 typ host",
        "1 1 udp 1 192.0.2.1 5000 typ mystery",
        "1 1 udp x 192.0.2.1 5000 typ host",
        "1 1 udp 1 192.0.2.1",
        "",
    ],
)
def test_candidates_that_lead_nowhere_are_left_out(candidate: str) -> None:
    sdp = CHROMIUM.replace("a=setup:actpass\r\n", f"a=candidate:{candidate}\r\na=setup:actpass\r\n", 1)
    assert read_offer(sdp).sdp == read_offer(CHROMIUM).sdp


def test_candidates_and_lines_are_bounded() -> None:
    many = "".join(f"a=candidate:{i} 1 udp 1 192.0.2.{i % 250 + 1} {5_000 + i} typ host\r\n" for i in range(600))
    assert read_offer(CHROMIUM.replace("a=setup", many + "a=setup", 1)).sdp.count("a=candidate") == MAX_CANDIDATES
    with pytest.raises(BadOffer, match=f"at most {MAX_LINES} lines"):
        read_offer(CHROMIUM + "a=x\r\n" * MAX_LINES)


@pytest.mark.parametrize(
    ("sdp", "words"),
    [
        ("", "one m=audio and one m=application"),
        ("hello", "one m=audio and one m=application"),
        ("v=x\r\n", "cannot be read"),
        ("m=audio\r\n", "cannot be read"),
        (CHROMIUM + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n", "not audio, application, video"),
        (CHROMIUM.partition("m=application")[0], "not audio"),
        (without("a=ice-ufrag"), "ice-ufrag"),
        (CHROMIUM.replace("a=ice-pwd:", "a=ice-pwd:" + "x" * 300), "ice-pwd"),
        (without("a=ice-pwd"), "ice-pwd"),
        (without("a=fingerprint"), "fingerprint"),
        (without("a=setup"), "setup"),
        (without("a=rtcp-mux"), "rtcp-mux"),
        (without("a=group"), "BUNDLE"),
        (without("a=mid"), "a=mid"),
        (CHROMIUM.replace("opus/48000/2", "speex/16000"), "Opus"),
        (without("a=sctp-port"), "sctp-port"),
        (CHROMIUM.replace("sctp-port:5000", "sctp-port:70000"), "sctp-port"),
        (CHROMIUM.replace("max-message-size:262144", "max-message-size:10"), "max-message-size"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(sdp: str, words: str) -> None:
    with pytest.raises(BadOffer, match=words):
        read_offer(sdp)


@given(st.text(max_size=500))
def test_any_text_is_an_offer_or_a_refusal(text: str) -> None:
    with contextlib.suppress(BadOffer):
        read_offer(text)


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_a_mangled_offer_is_an_offer_or_a_refusal(seed: int, changes: int) -> None:
    dice = random.Random(seed)
    lines = CHROMIUM.splitlines()
    for _ in range(changes):
        i = dice.randrange(len(lines))
        match dice.randrange(4):
            case 0:
                lines[i] = lines[i][: dice.randrange(len(lines[i]) + 1)]
            case 1:
                lines[i] = lines[dice.randrange(len(lines))]
            case 2:
                lines[i] += chr(dice.randrange(1, 0xD800)) * dice.randrange(1, 30)
            case 3:
                fields = lines[i].split(" ")
                fields[dice.randrange(len(fields))] = str(dice.randrange(-(10**12), 10**12))
                lines[i] = " ".join(fields)
    with contextlib.suppress(BadOffer):
        read_offer("\r\n".join(lines))
