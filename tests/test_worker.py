"""The whole worker: real registration, real rooms, real conversations with instant engines; health, draining, and what an operator may have wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest
from livekit import rtc
from pydantic import SecretStr

from agent.aio import Tasks
from agent.config import Config, ConfigError, Limits, LiveKit, Persona, Worker
from agent.models.progress import Observer
from agent.protocol.messages import ClientHello, Ping, TextInput
from agent.sessions.store import state_of
from agent.sessions.stores import open_store
from agent.worker import Stop, run_worker
from bench.instant import InstantEngines, pitch_of
from tests.transports.livekit_stage import RATE, Person, room_name, sine, strength, until

PERSONAS = {"default": Persona(name="Vera", greeting="Hello, it is good to see you."), "quiet": Persona(name="Gu")}


class PreparedEngines(InstantEngines):
    """Instant engines that are warm when they are told to be."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = False
        self.warm = asyncio.Event()
        self.progress: dict[str, Any] | None = None
        self.answers = "faq"

    async def prepare(self, observer: Observer) -> None:
        await self.warm.wait()
        self.ready = True


class Run:
    """A worker that runs, and what `Person` needs to know of it."""

    def __init__(self, server: Any, config: Config, engines: PreparedEngines) -> None:
        self.server = server
        self.config = config
        self.agent_name = config.agent_name
        self.engines = engines
        self.stop = Stop()
        self.health = ""
        self.ready = asyncio.Event()
        self.ended: asyncio.Task[None] | None = None

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(self.health + path)

    token: Callable[..., str]


@contextlib.asynccontextmanager
async def worker(server: Any, *, warm: bool = True, drain_seconds: float = 5.0, **limits: Any) -> AsyncIterator[Run]:
    from tests.transports.livekit_stage import Stage

    keys = server.keys
    config = Config(
        agent_name=f"worker-{room_name()}",
        personas=PERSONAS,
        livekit=LiveKit(url=server.url, api_key=keys.api_key, api_secret=SecretStr(keys.api_secret)),
        worker=Worker(port=0),
        limits=Limits(**limits),
    )
    run = Run(server, config, PreparedEngines())
    run.token = lambda *args, **kwargs: Stage.token(run, *args, **kwargs)  # type: ignore[arg-type]
    if warm:
        run.engines.warm.set()
    tasks = Tasks("test")

    def on_health(url: str) -> None:
        run.health = url

    run.ended = tasks.start(
        run_worker(
            config, run.engines, stop=run.stop, on_health=on_health, on_ready=run.ready.set, drain_seconds=drain_seconds, grace_seconds=0.5
        ),
        "worker",
    )
    try:
        if warm:
            async with asyncio.timeout(20):
                await run.ready.wait()
        else:
            await until(lambda: run.health)
        yield run
    finally:
        run.stop.now()
        async with asyncio.timeout(30):
            await asyncio.gather(run.ended, return_exceptions=True)
        await tasks.aclose()


@pytest.mark.livekit
async def test_it_says_what_is_missing_until_it_can_take_a_call(livekit_server: Any) -> None:
    async with worker(livekit_server, warm=False) as run:
        await until(lambda: run.health)
        await asyncio.sleep(0.3)
        assert (await run.get("/healthz")).json() == {"status": "ok"}
        run.engines.progress = {"phase": "fetching", "done_bytes": 1, "total_bytes": 2, "eta_s": 3}
        early = await run.get("/readyz")
        assert early.status_code == 503
        assert early.json()["ready"] is False
        assert len(early.json()["missing"]) == 2
        assert "not registered" in early.json()["missing"][1]
        assert early.json()["progress"]["eta_s"] == 3
        run.engines.warm.set()
        async with asyncio.timeout(10):
            await run.ready.wait()
        run.engines.progress = None
        assert (await run.get("/readyz")).json() == {"ready": True, "missing": [], "progress": None, "answers": "faq", "troubles": []}
        metrics = (await run.get("/metrics")).text
        assert "visavis_sessions 0.0" in metrics
        assert "visavis_capacity 8.0" in metrics
        assert "visavis_journal_failing 0.0" in metrics


@pytest.mark.livekit
async def test_a_plain_livekit_client_has_a_conversation(livekit_server: Any) -> None:
    """No SDK of ours: LiveKit's own conventions alone."""
    async with worker(livekit_server) as run, Person(run, "ann", room_name()) as ann:  # type: ignore[arg-type]
        captions: list[tuple[str, dict[str, str], str]] = []
        reading = Tasks("captions")

        def transcription(reader: rtc.TextStreamReader, identity: str) -> None:
            async def read() -> None:
                text = await reader.read_all()
                captions.append((identity, dict(reader.info.attributes or {}), text))

            reading.start(read(), "read")

        states: list[str] = []
        ann.room.on(
            "participant_attributes_changed",
            lambda changed, p: states.extend([changed["lk.agent.state"]] if "lk.agent.state" in changed else []),
        )
        ann.room.register_text_stream_handler("lk.transcription", transcription)
        await ann.join(listen=True)
        agent = await ann.meets_agent()
        await until(lambda: agent.attributes.get("lk.agent.state") == "speaking", what="the greeting")
        await until(lambda: any("good to see you" in text for _, _, text in captions), what="the greeting's caption")
        await until(lambda: agent.attributes.get("lk.agent.state") == "listening", what="listening")
        loud = ann.sound[np.abs(ann.sound) > 500]
        assert len(loud) > RATE // 2
        first = int(np.argmax(np.abs(ann.sound) > 500))
        assert strength(ann.sound[first + 4_800 : first + 28_800], pitch_of(0), RATE) > 0.9
        await ann.room.local_participant.send_text("And who are you?", topic="lk.chat")
        await until(lambda: any("Answer number 1" in text for _, _, text in captions), what="the answer's caption")
        identity, attributes, _ = next(c for c in captions if "Answer number 1" in c[2])
        assert identity == agent.identity
        assert attributes["lk.transcription_final"] == "true"
        assert attributes["lk.segment_id"]
        track = next(iter(agent.track_publications.values()))
        assert attributes["lk.transcribed_track_id"] == track.sid
        await until(lambda: "thinking" in states or states.count("speaking") >= 2, what="the states")
        await reading.aclose()


@pytest.mark.livekit
async def test_speech_is_answered_and_the_users_words_are_captioned(livekit_server: Any) -> None:
    async with worker(livekit_server) as run, Person(run, "ann", room_name()) as ann:  # type: ignore[arg-type]
        await ann.join({"persona": "quiet"}, listen=True)
        await ann.introduce(ClientHello())
        source = rtc.AudioSource(RATE, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track("mic", source)
        await ann.room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
        for pcm in (np.zeros(RATE, np.int16), sine(300, 1.0), np.zeros(2 * RATE, np.int16)):
            for at in range(0, len(pcm), 960):
                await source.capture_frame(rtc.AudioFrame(pcm[at : at + 960].tobytes(), RATE, 1, 960))
        await until(lambda: ann.told("asr_final"), what="the transcript")
        await until(lambda: ann.told("generation_end"), what="the answer")
        assert ann.told("asr_final")[0].text == "What is the question?"
        assert "Answer number 1" in ann.told("assistant_text")[0].text
        await until(lambda: ann.told("state_update")[-1].state == "listening", what="the end of speaking")
        seqs = [e.seq for e in ann.messages]
        assert seqs == sorted(seqs)
        await source.aclose()
    store = open_store(Config().journal)
    session = (await store.sessions("ann"))[0]
    assert session.ended is not None
    assert (await store.read(session.session))[0].d["door"] == "livekit"
    items = (await state_of(store, session.session)).items
    assert [item.text for item in items if item.role == "user"] == [m.text for m in ann.told("asr_final")]
    assert [item.text for item in items if item.role == "assistant"][: len(ann.told("assistant_text"))] == [
        m.text for m in ann.told("assistant_text")
    ]
    await store.aclose()


@pytest.mark.livekit
async def test_chat_of_others_is_ignored(livekit_server: Any) -> None:
    room = room_name()
    async with worker(livekit_server) as run, Person(run, "ann", room) as ann, Person(run, "eve", room) as eve:  # type: ignore[arg-type]
        await ann.join({"persona": "quiet"})
        await ann.introduce(ClientHello())
        await eve.join(agent=False)
        await eve.introduce(Ping(id=1), "error")
        await eve.room.local_participant.send_text("obey me", topic="lk.chat")
        await asyncio.sleep(1.0)
        assert not ann.told("asr_final")
        await ann.room.local_participant.send_text("x" * 9_000, topic="lk.chat")
        await until(lambda: ann.told("error"), what="the refusal of a long text")
        await ann.send(TextInput(text="answer me"))
        await until(lambda: ann.told("assistant_text"), what="the answer")
        assert [m.text for m in ann.told("asr_final")] == ["answer me"]


@pytest.mark.livekit
async def test_a_full_worker_says_so(livekit_server: Any) -> None:
    async with worker(livekit_server, sessions=1) as run, Person(run, "ann", room_name()) as ann:  # type: ignore[arg-type]
        await ann.join({"persona": "quiet"})
        await ann.introduce(ClientHello())
        answer = await run.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["a free place: all 1 are taken"])
        assert "visavis_sessions 1.0" in (await run.get("/metrics")).text
        await ann.leave()

        async with asyncio.timeout(20):
            while (await run.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - over HTTP there is no event
                await asyncio.sleep(0.1)


@pytest.mark.livekit
async def test_draining_lets_conversations_end_and_takes_no_others(livekit_server: Any) -> None:
    async with worker(livekit_server, drain_seconds=30) as run, Person(run, "ann", room_name()) as ann:  # type: ignore[arg-type]
        await ann.join({"persona": "quiet"})
        await ann.introduce(ClientHello())
        run.stop.drain()
        await asyncio.sleep(0.5)
        assert "it is shutting down" in (await run.get("/readyz")).json()["missing"]
        async with Person(run, "late", room_name()) as late:  # type: ignore[arg-type]
            await late.join()
            await ann.send(TextInput(text="still there?"))
            await until(lambda: ann.told("assistant_text"), what="the answer while draining")
            assert late.agent() is None
        await ann.leave()
        assert run.ended is not None
        async with asyncio.timeout(20):
            await run.ended


@pytest.mark.livekit
async def test_a_stop_ends_conversations_in_good_order(livekit_server: Any) -> None:
    async with worker(livekit_server) as run, Person(run, "ann", room_name()) as ann:  # type: ignore[arg-type]
        await ann.join({"persona": "quiet"})
        await ann.introduce(ClientHello())
        run.stop.now()
        await until(lambda: ann.agent() is None, what="the agent leaving")
        assert run.ended is not None
        async with asyncio.timeout(20):
            await run.ended


@pytest.mark.livekit
async def test_wrong_keys_end_the_worker_with_a_clear_word(livekit_server: Any) -> None:
    wrong = LiveKit(url=livekit_server.url, api_key=livekit_server.keys.api_key, api_secret=SecretStr("w" * 40))
    engines = PreparedEngines()
    engines.warm.set()
    with pytest.raises(ConfigError, match="LIVEKIT_API_KEY and LIVEKIT_API_SECRET"):
        async with asyncio.timeout(20):
            await run_worker(Config(livekit=wrong, worker=Worker(port=0)), engines)


@pytest.mark.parametrize(
    ("livekit", "said"),
    [
        (LiveKit(), "LIVEKIT_URL"),
        (LiveKit(url="ws://127.0.0.1:1"), "LIVEKIT_API_KEY and LIVEKIT_API_SECRET must both be set"),
        (LiveKit(url="127.0.0.1:1", api_key="k", api_secret=SecretStr("s")), "expected ws://HOST:PORT"),
    ],
)
async def test_a_missing_address_or_key_is_named(livekit: LiveKit, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await run_worker(Config(livekit=livekit, worker=Worker(port=0)), PreparedEngines())


async def test_a_health_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        livekit = LiveKit(url="ws://127.0.0.1:1", api_key="k", api_secret=SecretStr("s" * 32))
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is in use"):
            await run_worker(Config(livekit=livekit, worker=Worker(port=port)), PreparedEngines())


async def test_engines_that_cannot_be_had_end_the_worker() -> None:
    class Broken(PreparedEngines):
        async def prepare(self, observer: Observer) -> None:
            raise ConfigError("the model is not there")

    livekit = LiveKit(url="ws://127.0.0.1:1", api_key="k", api_secret=SecretStr("s" * 32))
    with pytest.raises(ConfigError, match="the model is not there"):
        async with asyncio.timeout(10):
            await run_worker(Config(livekit=livekit, worker=Worker(port=0)), Broken())
