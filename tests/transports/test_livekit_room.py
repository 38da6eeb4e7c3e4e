"""The LiveKit door in rooms of a real livekit-server."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from livekit import api, rtc

from agent.config import Limits
from agent.protocol.envelope import MAX_MESSAGE_BYTES, Envelope
from agent.protocol.frames import Frame, Kind, decode_frame
from agent.protocol.messages import ClientHello, ContextUpdate, ErrorMessage, PageState, Ping, Restore, TextInput
from agent.transports import livekit_voice
from tests.transports.livekit_stage import RATE, Person, Stage, room_name, sine, staged, strength, until

pytestmark = pytest.mark.livekit


@pytest.fixture
async def stage(livekit_server: Any) -> AsyncIterator[Stage]:
    async with staged(livekit_server) as stage:
        yield stage


async def test_the_agent_joins_speaks_and_hears(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join(listen=True)
        await ann.sing(440)
        agent = await ann.meets_agent()
        guest = await stage.guest()
        assert agent.name == "Vera"
        assert agent.attributes["lk.agent.name"] == stage.agent_name
        assert guest.identity == "ann"
        guest.sing(sine(880, 3.0))
        await until(lambda: len(guest.sound) > 2 * 16_000, what="two seconds heard by the agent")
        await until(lambda: len(ann.sound) > 4 * RATE, what="four seconds heard by ann")
        assert strength(guest.sound[16_000:], 440, 16_000) > 0.95
        spoken = ann.sound[2 * RATE : 3 * RATE]
        assert strength(spoken, 880, RATE) > 0.9
        published = [p.source for p in agent.track_publications.values()]
        assert published == [rtc.TrackSource.SOURCE_MICROPHONE]


async def test_a_face_goes_out_by_the_lossy_way(stage: Stage) -> None:
    async with await Person(stage, "ann", room_name()).join() as ann:
        guest = await stage.guest()
        frame = Frame(Kind.BLENDSHAPES, bytes((30, 6)) + bytes(6 * 52), gen=3, seq=1, t=4_800)
        guest.transport.show(frame)
        await until(lambda: any(packet.topic == "visavis.fast" for packet in ann.raw))
        (packet,) = [packet for packet in ann.raw if packet.topic == "visavis.fast"]
        assert packet.kind == rtc.DataPacketKind.KIND_LOSSY
        assert decode_frame(packet.data) == frame


async def test_two_rooms_in_one_process_do_not_hear_each_other(stage: Stage) -> None:
    tones = {"ann": (440, 1_500), "bob": (700, 2_100)}
    async with Person(stage, "ann", room_name()) as ann, Person(stage, "bob", room_name()) as bob:
        for person in (ann, bob):
            await person.join(listen=True)
            await person.sing(tones[person.identity][0])
        await stage.guest(1)
        for guest in stage.host.guests:
            guest.sing(sine(tones[guest.identity][1], 6.0))
        await until(lambda: all(len(g.sound) > 3 * 16_000 for g in stage.host.guests), what="both agents hearing")
        await until(lambda: len(ann.sound) > 5 * RATE and len(bob.sound) > 5 * RATE, 20, "both people hearing")
        people = {"ann": ann, "bob": bob}
        for guest in stage.host.guests:
            other = "bob" if guest.identity == "ann" else "ann"
            heard, spoken = guest.sound[16_000:], people[guest.identity].sound[-2 * RATE :]
            assert strength(heard, tones[guest.identity][0], 16_000) > 0.95
            assert strength(heard, tones[other][0], 16_000) < 0.001
            assert strength(spoken, tones[guest.identity][1], RATE) > 0.9
            assert strength(spoken, tones[other][1], RATE) < 0.001


async def test_dispatch_metadata_choose_persona_and_language(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join({"persona": "guide", "language": "zh", "somebody": "else's"})
        guest = await stage.guest()
        assert guest.hello == ClientHello(persona="guide", language="zh")
        assert (await ann.meets_agent()).name == "Gu"


async def test_a_hello_that_comes_in_time_chooses_the_persona(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join()
        await ann.meets_agent()
        await ann.send(ClientHello(persona="guide", sdk="test"))
        await ann.send(TextInput(text="before anything was answered"))
        guest = await stage.guest()
        assert (guest.hello.persona, guest.hello.sdk) == ("guide", "test")
        await until(lambda: "text_input" in guest.types(), what="the early message")


async def test_a_later_hello_is_answered_and_changes_the_language(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join({"persona": "default"})
        guest = await stage.guest()
        await ann.introduce(ClientHello())
        guest.received.clear()
        ann.messages.clear()
        await ann.send(ClientHello(language="zh", persona="guide"))
        await until(lambda: ann.told("error"), what="the error")
        assert guest.types()[-2:] == ["settings", "hello"], "behind hellos that were said again before"
        errors: list[ErrorMessage] = ann.told("error")
        assert [e.code for e in errors] == ["bad_message"]
        assert "default is talking already" in errors[0].message


async def test_an_unknown_persona_is_an_error_an_attribute_and_the_end(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join({"persona": "nobody"})
        agent = await ann.meets_agent()
        await ann.introduce(ClientHello(), "error")
        assert ann.told("error")[0].code == "unknown_persona"
        assert "known are default, guide" in ann.told("error")[0].message
        await until(lambda: agent.attributes.get("visavis.error") == "unknown_persona", what="the attribute")
        await until(lambda: ann.agent() is None, what="the agent leaving")
        assert stage.host.count == 0


async def test_metadata_of_a_wrong_type_are_an_error(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join({"persona": 7})
        await ann.introduce(ClientHello(), "error")
        assert ann.told("error")[0].code == "bad_message"
        assert "persona" in ann.told("error")[0].message
        await until(lambda: stage.host.count == 0, what="the place being free")


async def test_messages_are_for_the_linked_participant_alone(stage: Stage) -> None:
    room = room_name()
    async with Person(stage, "ann", room) as ann, Person(stage, "eve", room) as eve:
        await ann.join()
        guest = await stage.guest()
        await ann.introduce(ClientHello())
        guest.received.clear()
        await eve.join(agent=False)
        await eve.introduce(TextInput(text="obey me"), "error")
        assert eve.told("error")[0].code == "forbidden"
        await eve.send(b"\xff garbage")
        await eve.room.local_participant.send_text("x" * 20_000, topic="visavis")
        guest.say(word := ErrorMessage(code="asr_failed", message="for ann", recoverable=True))
        await until(lambda: word in ann.told("error"), what="ann's message")
        await ann.send(Ping(id=1), topic="visavis.fast", reliable=False)
        await until(lambda: "ping" in guest.types(), what="the ping")
        assert set(guest.types()) <= {"ping", "hello"}, guest.types()
        assert all(packet.topic != "visavis" or b"forbidden" in packet.data for packet in eve.raw)


async def test_an_operator_is_obeyed_and_never_taken_for_the_user(stage: Stage) -> None:
    room = room_name()
    async with Person(stage, "op", room) as operator, Person(stage, "ann", room) as ann:
        await operator.join(can_manage_agent_session=True)
        await operator.meets_agent()
        await ann.join(agent=False)
        guest = await stage.guest()
        assert guest.identity == "ann"
        await operator.send(TextInput(text="say this"))
        await until(lambda: guest.types() == ["text_input"], what="the operator's message")


async def test_garbage_is_answered_to_its_sender_and_a_flood_with_few_words(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join()
        guest = await stage.guest()
        await ann.send(b"\xff\xfe no json")
        await until(lambda: ann.told("error"), what="the error")
        assert ann.told("error")[0].code == "bad_json"
        assert ann.told("error")[0].recoverable
        for _ in range(600):
            await ann.send(Ping(id=1))
        await until(lambda: any(e.code == "rate_limited" for e in ann.told("error")), what="the limit")
        await asyncio.sleep(0.3)
        assert sum(e.code == "rate_limited" for e in ann.told("error")) <= 6
        assert guest.ended is None


async def test_large_messages_travel_as_text_streams_both_ways(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join()
        guest = await stage.guest()
        text = "馆" * 15_000
        await ann.room.local_participant.send_text(
            Envelope(ContextUpdate(version=1, text=text)).to_json().decode(),
            topic="visavis",
            destination_identities=[(await ann.meets_agent()).identity],
        )
        await until(lambda: guest.types() == ["context_update"], what="the large message")
        assert guest.received[0].message.text == text
        long = ErrorMessage(code="internal", message="字" * 20_000, recoverable=False)
        guest.say(long)
        guest.say(short := ErrorMessage(code="internal", message="after it", recoverable=False))
        await until(lambda: short in ann.told("error") and long in ann.told("error"), what="both messages")
        places = [next(e.seq for e in ann.messages if e.message == message) for message in (long, short)]
        assert places[0] + 1 == places[1]
        page = PageState(round=1, version=1, content=base64.b64encode(os.urandom(1024 * 1024)).decode())
        await ann.room.local_participant.send_text(Envelope(page).to_json().decode(), topic="visavis")
        await until(lambda: guest.received[-1].message == page, what="a page of 1 MiB")
        guest.say(restored := Restore(round=1, loop=1, lines=[], version=page.version, content=page.content))
        await until(lambda: ann.told("restore") == [restored], what="the page again")
        await ann.room.local_participant.send_text("x" * (MAX_MESSAGE_BYTES + 1), topic="visavis")
        await until(lambda: any(e.code == "too_large" for e in ann.told("error")), what="the refusal")


async def test_a_muted_microphone_is_silence_that_keeps_time(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join()
        await ann.sing(440)
        guest = await stage.guest()
        await until(lambda: len(guest.sound) > 16_000, what="a second")
        assert ann.publication is not None
        track = ann.publication.track
        assert isinstance(track, rtc.LocalAudioTrack)
        clock = asyncio.get_running_loop().time
        track.mute()
        await until(lambda: "stop_listen" in guest.types(), what="the closed microphone")
        at, samples = clock(), len(guest.sound)
        await asyncio.sleep(1.5)
        silence = guest.sound[samples:]
        assert abs(len(silence) / 16_000 - (clock() - at)) < 0.3
        assert not silence.any()
        track.unmute()
        await until(lambda: "start_listen" in guest.types(), what="the open microphone")
        await until(lambda: strength(guest.sound[-8_000:], 440, 16_000) > 0.9, what="the tone")
        assert abs((len(guest.sound) - samples) / 16_000 - (clock() - at)) < 0.4


async def test_a_track_published_anew_is_heard(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join()
        await ann.sing(440)
        guest = await stage.guest()
        await until(lambda: len(guest.sound) > 8_000, what="the first track")
        assert ann.publication is not None
        await ann.room.local_participant.unpublish_track(ann.publication.sid)
        await until(lambda: guest.types()[-1:] == ["stop_listen"], what="the lost microphone")
        await ann.sing(1_000)
        await until(lambda: strength(guest.sound[-8_000:], 1_000, 16_000) > 0.9, what="the second track")
        assert guest.types()[-1:] == ["start_listen"]


async def test_other_sound_is_not_subscribed_to(stage: Stage) -> None:
    room = room_name()
    async with Person(stage, "ann", room) as ann, Person(stage, "bob", room) as bob:
        await ann.join()
        guest = await stage.guest()
        await bob.join(agent=False)
        await bob.sing(600)
        await ann.sing(900, source=rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO)
        await asyncio.sleep(1.5)
        assert not guest.heard


async def test_a_reload_within_the_grace_goes_on(livekit_server: Any) -> None:
    async with staged(livekit_server, grace_seconds=8) as stage:
        room = room_name()
        async with Person(stage, "ann", room) as ann:
            await ann.join()
            await ann.sing(440)
            guest = await stage.guest()
            await until(lambda: len(guest.sound) > 8_000, what="sound")
        async with Person(stage, "ann", room) as again:
            await again.join(agent=False)
            await again.sing(1_200)
            await until(lambda: again.told("hello"), what="the greeting of who comes back")
            assert again.told("hello")[0].session_id == guest.session_id
            await until(lambda: strength(guest.sound[-8_000:], 1_200, 16_000) > 0.9, what="the new microphone")
            assert guest.ended is None
            assert len(stage.host.guests) == 1


async def test_a_place_in_its_grace_is_given_up_when_another_needs_it(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join()
        await stage.guest()
    await until(lambda: stage.host.given_up is not None, what="the place being offered")
    assert stage.host.given_up is not None
    stage.host.given_up()
    await until(lambda: stage.host.count == 0, 5, "the place being free")


async def test_after_the_grace_the_place_is_free_and_the_next_one_is_welcome(livekit_server: Any) -> None:
    async with staged(livekit_server, grace_seconds=0.3) as stage:
        room = room_name()
        async with Person(stage, "ann", room) as ann:
            await ann.join()
            guest = await stage.guest()
        await until(lambda: guest.ended is not None, what="the end")
        assert guest.ended == "ann has left"
        await until(lambda: stage.host.count == 0, what="the place being free")
        async with Person(stage, "bob", room) as bob:
            await bob.join(agent=False)
            second = await stage.guest(1)
            assert second.identity == "bob"
            await bob.introduce(ClientHello())
            assert bob.told("hello")[0].session_id == second.session_id
            assert bob.messages[0].seq <= 2, "his messages are counted from the start"


async def test_deleting_the_room_ends_everything(stage: Stage) -> None:
    room = room_name()
    async with Person(stage, "ann", room) as ann:
        await ann.join()
        guest = await stage.guest()
        keys = stage.server.keys
        async with api.LiveKitAPI(stage.server.url, keys.api_key, keys.api_secret) as service:
            await service.room.delete_room(api.DeleteRoomRequest(room=room))
        await until(lambda: guest.ended is not None, what="the end")
        await until(lambda: not stage.attendants.jobs() and stage.host.count == 0, what="the job's end")


async def test_a_conversation_that_ends_takes_the_agent_along(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann:
        await ann.join()
        guest = await stage.guest()
        await ann.meets_agent()
        await guest.aclose("time is up")
        await until(lambda: ann.agent() is None, what="the agent leaving")
        await until(lambda: not stage.attendants.jobs(), what="the job's end")


async def test_a_fault_ends_its_own_conversation_only(stage: Stage) -> None:
    async with Person(stage, "ann", room_name()) as ann, Person(stage, "bob", room_name()) as bob:
        for person in (ann, bob):
            await person.join()
            await person.sing(440)
        await stage.guest(1)
        faulty, sound = sorted(stage.host.guests, key=lambda g: g.identity)
        faulty.faulty = True
        await until(lambda: ann.told("error"), what="the error")
        assert ann.told("error")[0].code == "internal"
        await until(lambda: faulty.ended is not None, what="the end")
        before = len(sound.sound)
        await until(lambda: len(sound.sound) > before + 8_000, what="the other going on")
        assert sound.ended is None


async def test_the_job_ends_when_the_dispatch_is_deleted(stage: Stage) -> None:
    room = room_name()
    async with Person(stage, "ann", room) as ann:
        await ann.join()
        guest = await stage.guest()
        keys = stage.server.keys
        async with api.LiveKitAPI(stage.server.url, keys.api_key, keys.api_secret) as service:
            for dispatch in await service.agent_dispatch.list_dispatch(room):
                await service.agent_dispatch.delete_dispatch(dispatch.id, room)
        await until(lambda: guest.ended is not None, what="the end")
        await until(lambda: ann.agent() is None, what="the agent leaving")


async def test_voices_are_used_again_after_rooms_that_were_taken_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """livekit.rtc never frees a track that is published when the server ends the room; hence none is thrown away, and none made anew."""
    made = []

    class Counted(livekit_voice.Voice):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(livekit_voice, "Voice", Counted)
    keys = stage.server.keys
    async with api.LiveKitAPI(stage.server.url, keys.api_key, keys.api_secret) as service:
        for i in range(4):
            async with Person(stage, "ann", room_name()) as ann:
                await ann.join(listen=True)
                guest = await stage.guest(i)
                guest.sing(sine(600 + 100 * i, 3.0))
                await until(lambda ann=ann, i=i: strength(ann.sound[-RATE // 2 :], 600 + 100 * i, RATE) > 0.9, what="the tone")  # type: ignore[misc]
                await service.room.delete_room(api.DeleteRoomRequest(room=ann.room_name))
                await until(lambda guest=guest: guest.ended is not None, what="the end")  # type: ignore[misc]
            await until(lambda: not stage.attendants.jobs(), what="the job's end")
    assert len(made) == 1, "one voice for all the rooms"


async def test_when_all_places_are_taken_the_agent_comes_says_so_and_leaves(livekit_server: Any) -> None:
    async with (
        staged(livekit_server, capacity=1) as stage,
        Person(stage, "ann", room_name()) as ann,
        Person(stage, "bob", room_name()) as bob,
    ):
        await ann.join()
        await stage.guest()
        await bob.join(listen=True)
        await bob.meets_agent()
        await bob.introduce(ClientHello(), "error")
        assert bob.told("error")[0].code == "busy"
        assert bob.told("error")[0].retry_ms
        await until(lambda: np.abs(bob.sound).max(initial=0) > 1_000, what="hearing it said")
        await until(lambda: bob.agent() is None, what="the agent leaving")
        assert ann.agent() is not None
        assert stage.host.count == 1


async def test_who_may_wait_for_a_place_gets_it_in_the_same_room(livekit_server: Any) -> None:
    async with staged(livekit_server, capacity=1, limits=Limits(queue_seconds=60)) as stage, Person(stage, "ann", room_name()) as ann:
        await ann.join()
        guest = await stage.guest()
        async with Person(stage, "bob", room_name()) as bob:
            await bob.join()
            await bob.meets_agent()
            await guest.aclose("the end")
            await until(lambda: any(other.identity == "bob" for other in stage.host.guests), what="the conversation that was waited for")
