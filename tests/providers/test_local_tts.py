"""The local voices as a livekit-agents TTS: with voices that only write down what they are told, and with the real ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError

from agent.models.errors import ModelCorrupt, ModelMissing
from agent.providers.asr.moonshine import Moonshine
from agent.providers.asr.whisper import Whisper
from agent.providers.local.lane import Cancel, Cancelled, Lane
from agent.providers.tts.hibari import HibariVoice, add_output
from agent.providers.tts.kokoro import KokoroVoice
from agent.providers.tts.local import LocalTTS, VoiceLane
from agent.providers.tts.script import Language
from agent.providers.tts.speech import SAMPLE_RATE, Phone, Speech
from tests.providers.conftest import at_16_khz

ONCE = APIConnectOptions(max_retry=0, timeout=10)


class NotingVoice:
    """Says 0.1 s of nothing for each text, and keeps the text."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.entered = threading.Event()
        self.stopped = threading.Event()
        self.error: Exception | None = None

    def speak(self, text: str, cancel: Cancel | None = None, *, voice: str | None = None) -> Speech:
        self.texts.append(text)
        self.entered.set()
        if self.error is not None:
            raise self.error
        assert cancel is not None
        try:
            while not self.hold.wait(0.001):
                cancel.check()
        except Cancelled:
            self.stopped.set()
            raise
        pcm = np.full(SAMPLE_RATE // 10, 1000, np.int16)
        return Speech(pcm, SAMPLE_RATE, (Phone("a", 0, len(pcm)),))

    def warm(self) -> None: ...


class Studio:
    """Two noting voices and their lanes."""

    def __init__(self) -> None:
        self.en, self.zh = NotingVoice(), NotingVoice()
        self.lanes: dict[Language, VoiceLane] = {
            "en": VoiceLane("en", lambda: self.en, lane=Lane("en", depth=2), max_characters=60),
            "zh": VoiceLane("zh", lambda: self.zh, lane=Lane("zh", depth=2), max_characters=20),
        }


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    studio = Studio()
    yield studio
    for voice in (studio.en, studio.zh):
        voice.hold.set()
    for lane in studio.lanes.values():
        await lane.lane.aclose()


async def test_each_piece_goes_to_its_voice_in_order(studio: Studio) -> None:
    local = LocalTTS("local.auto", studio.lanes)
    frame = await local.synthesize("你好。我是小艾！He said good morning to everybody. 再见。", conn_options=ONCE).collect()
    assert studio.zh.texts == ["你好。", "我是小艾！", " 再见。"]
    assert studio.en.texts == ["He said good morning to everybody."]
    assert frame.duration == pytest.approx(0.4)
    assert (frame.sample_rate, frame.num_channels) == (SAMPLE_RATE, 1)


async def test_one_voice_says_everything_when_it_is_the_only_one(studio: Studio) -> None:
    local = LocalTTS("local.hibari", {"en": studio.lanes["en"]})
    await local.synthesize("Hello. 你好。", conn_options=ONCE).collect()
    assert studio.en.texts == ["Hello.", "你好。"]


async def test_phonemes_are_there_for_who_asks(studio: Studio) -> None:
    local = LocalTTS("local.auto", studio.lanes)
    speeches = [speech async for speech in local.speak("Hello. Goodbye.")]
    assert [speech.phones[0].symbol for speech in speeches] == ["a", "a"]


@pytest.mark.parametrize("text", ["…", "——", "?!", "🙂"])
async def test_nothing_to_say_is_a_breath_and_no_error(studio: Studio, text: str) -> None:
    frame = await LocalTTS("local.auto", studio.lanes).synthesize(text, conn_options=ONCE).collect()
    assert frame.duration == pytest.approx(0.05)
    assert not studio.en.texts + studio.zh.texts


async def test_the_first_sentence_comes_while_the_second_is_being_made(studio: Studio) -> None:
    local = LocalTTS("local.auto", studio.lanes)
    speeches = aiter(local.speak("One. Two."))
    await anext(speeches)
    studio.en.hold.clear()
    second = asyncio.ensure_future(anext(speeches))
    await asyncio.to_thread(studio.en.entered.wait, 10)
    assert not second.done()
    studio.en.hold.set()
    assert (await second).seconds == pytest.approx(0.1)


async def test_a_closed_request_stops_computing(studio: Studio) -> None:
    studio.en.hold.clear()
    stream = LocalTTS("local.auto", studio.lanes).synthesize("One. Two. Three.", conn_options=ONCE)
    await asyncio.to_thread(studio.en.entered.wait, 10)
    await stream.aclose()
    assert await asyncio.to_thread(studio.en.stopped.wait, 10)
    assert studio.en.texts == ["One."]


async def test_what_was_said_ahead_is_not_said_again(studio: Studio) -> None:
    local = LocalTTS("local.auto", studio.lanes)
    local.say_ahead("The capital of France")
    local.say_ahead("The capital of France")
    assert await asyncio.to_thread(studio.en.entered.wait, 10)
    frame = await local.synthesize("The capital of France", conn_options=ONCE).collect()
    assert frame.duration == pytest.approx(0.1)
    await local.synthesize("The capital of France", conn_options=ONCE).collect()
    assert studio.en.texts == ["The capital of France"] * 2, "it counts once"
    await local.aclose()


@pytest.mark.parametrize("instead", ["The capital of France,", None])
async def test_what_was_guessed_wrongly_is_given_up(studio: Studio, instead: str | None) -> None:
    local = LocalTTS("local.auto", studio.lanes)
    studio.en.hold.clear()
    local.say_ahead("The capital of France")
    assert await asyncio.to_thread(studio.en.entered.wait, 10)
    asked = asyncio.create_task(local.synthesize(instead, conn_options=ONCE).collect()) if instead else None
    if asked is None:
        local.say_ahead(None)
    assert await asyncio.to_thread(studio.en.stopped.wait, 10)
    studio.en.hold.set()
    if asked is not None:
        assert (await asked).duration == pytest.approx(0.1)
    await local.aclose()


async def test_nothing_is_said_ahead_by_a_voice_that_others_want_or_in_two_parts(studio: Studio) -> None:
    local, other = LocalTTS("local.auto", studio.lanes), LocalTTS("local.auto", studio.lanes)
    local.say_ahead("Hello. Goodbye.")
    assert local._ahead is None
    studio.en.hold.clear()
    asked = asyncio.create_task(other.synthesize("Somebody else.", conn_options=ONCE).collect())
    assert await asyncio.to_thread(studio.en.entered.wait, 10)
    local.say_ahead("The capital of France")
    studio.en.hold.set()
    await asked
    assert studio.en.texts == ["Somebody else."]
    await local.aclose()
    await other.aclose()


async def test_an_overloaded_voice_says_so_at_once(studio: Studio) -> None:
    studio.en.hold.clear()
    local = [LocalTTS("local.auto", studio.lanes) for _ in range(4)]
    tasks = [asyncio.ensure_future(anext(aiter(local[0].speak("Hello."))))]
    await asyncio.to_thread(studio.en.entered.wait, 10)
    tasks += [asyncio.ensure_future(anext(aiter(one.speak("Hello.")))) for one in local[1:3]]
    while studio.lanes["en"].lane.waiting < 2:  # noqa: ASYNC110 - the lane has no event for "queued"
        await asyncio.sleep(0)
    with pytest.raises(APIStatusError, match="en is overloaded") as caught:
        await anext(aiter(local[3].speak("Hello.")))
    assert not caught.value.retryable
    studio.en.hold.set()
    assert len(await asyncio.gather(*tasks)) == 3


async def test_errors_of_a_voice_are_livekit_errors_and_the_next_request_works(studio: Studio) -> None:
    local = LocalTTS("local.auto", studio.lanes)
    studio.en.error = ModelMissing("there is no voice 'x'")
    with pytest.raises(APIConnectionError, match="there is no voice 'x'"):
        await local.synthesize("Hello.", conn_options=ONCE).collect()
    studio.en.error = None
    assert (await local.synthesize("Hello.", conn_options=ONCE).collect()).duration == pytest.approx(0.1)


async def test_a_voice_that_fails_to_load_is_tried_again(studio: Studio) -> None:
    failures: Iterator[Exception] = iter([ModelMissing("no file yet")])

    def load() -> NotingVoice:
        for failure in failures:
            raise failure
        return studio.en

    lane = VoiceLane("en", load, lane=Lane("late"), max_characters=60)
    local = LocalTTS("local.hibari", {"en": lane})
    with pytest.raises(APIError, match="no file yet"):
        await local.synthesize("Hello.", conn_options=ONCE).collect()
    assert not lane.loaded
    await local.synthesize("Hello.", conn_options=ONCE).collect()
    assert lane.loaded
    await lane.lane.aclose()


async def test_a_whole_book_is_refused(studio: Studio) -> None:
    with pytest.raises(APIStatusError, match="at most 8000 characters"):
        await anext(aiter(LocalTTS("local.auto", studio.lanes).speak("word " * 5_000)))


# ---------------------------------------------------------------------------------------------------------------- real voices


@pytest.mark.models
def test_english_is_understood_again(hibari: HibariVoice, model_path: Callable[[str], Path]) -> None:
    recogniser = Moonshine(model_path("moonshine-tiny-en"))
    texts = [
        "The old clock on the wall has stopped at noon.",
        "Could you tell me where the nearest station is?",
        "I would like two cups of coffee, please.",
        "The weather will be warm and sunny tomorrow.",
    ]
    wrong = sum(_distance(_words(text), _words(recogniser.transcribe(at_16_khz(hibari.speak(text))))) for text in texts)
    assert wrong / sum(len(_words(text)) for text in texts) <= 0.1


@pytest.mark.models
def test_chinese_is_understood_again(kokoro: KokoroVoice, model_path: Callable[[str], Path]) -> None:
    recogniser = Whisper(model_path("whisper-base"))
    texts = ["今天天气很好，我们去公园散步吧。", "北京有很多值得去的地方。", "请问最近的地铁站在哪里？", "我想喝一杯热咖啡，谢谢。"]
    heard = [recogniser.transcribe(at_16_khz(kokoro.speak(text)), "zh") for text in texts]
    wrong = sum(_distance(_characters(text), _characters(back)) for text, back in zip(texts, heard, strict=True))
    assert wrong / sum(len(_characters(text)) for text in texts) <= 0.15, heard


@pytest.mark.models
def test_numbers_and_english_words_in_chinese_are_said(kokoro: KokoroVoice) -> None:
    assert kokoro.phonemes("3.5%") == kokoro.phonemes("百分之三点五")
    assert kokoro.phonemes("共1,234元") == kokoro.phonemes("共一千二百三十四元")
    assert kokoro.phonemes("打13800138000") == kokoro.phonemes("打一三八零零一三八零零零")
    assert kokoro.phonemes("我用 Python 写程序").count("pˈIθ") == 1
    assert kokoro.phonemes("…… ？").strip("… ?") == ""
    for text in ("GPT4很好", "2024年3月5日10:30", "版本1.2.3.4", "Ça va 吗", "Q：A", "١٢٣", "\x00你好\u202e"):
        assert kokoro.speak(text).seconds > 0.2


@pytest.mark.models
def test_both_voices_give_phonemes_within_their_samples(hibari: HibariVoice, kokoro: KokoroVoice) -> None:
    for speech in (hibari.speak("Good morning, everybody."), kokoro.speak("大家早上好。")):
        assert [phone.start_sample for phone in speech.phones] == sorted(phone.start_sample for phone in speech.phones)
        assert speech.phones[-1].end_sample <= len(speech.pcm)
        loud = np.flatnonzero(np.abs(speech.pcm) > 1500)
        spoken = [phone for phone in speech.phones if phone.symbol.isalpha()]
        assert spoken[0].start_sample - loud[0] < 0.15 * SAMPLE_RATE
        assert abs(spoken[-1].end_sample - loud[-1]) < 0.2 * SAMPLE_RATE


@pytest.mark.models
def test_chinese_has_no_silence_at_its_edges(kokoro: KokoroVoice) -> None:
    speech = kokoro.speak("好的，")
    assert np.flatnonzero(np.abs(speech.pcm) > 1000)[0] < 0.2 * SAMPLE_RATE
    assert 0.3 < speech.seconds < 1.0


@pytest.mark.models
def test_an_unknown_chinese_voice_is_named_with_those_there_are(kokoro: KokoroVoice) -> None:
    with pytest.raises(ModelMissing, match="no Chinese voice 'af_nobody'; there are zf_xiaobei"):
        kokoro.speak("你好。", voice="af_nobody")
    assert kokoro.speak("你好。", voice="zm_yunxi").seconds > 0.2


@pytest.mark.models
def test_a_corrupt_style_file_and_an_unprepared_graph_are_named(
    kokoro: KokoroVoice, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "zf_xiaoxiao.bin").write_bytes(bytes(100))
    with pytest.raises(ModelCorrupt, match="is not the prepared Kokoro graph"):
        KokoroVoice(model_path("kokoro-82m"), tmp_path, english=str, cache=tmp_path / "cache")


def test_an_output_can_be_added_to_a_serialised_graph() -> None:
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Neg", ["x"], ["inner"]), helper.make_node("Neg", ["inner"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    changed = add_output(model.SerializeToString(), "inner")
    assert [output.name for output in onnx.load_from_string(changed).graph.output] == ["y", "inner"]
    session = ort.InferenceSession(changed, providers=["CPUExecutionProvider"])
    assert session.run(["inner"], {"x": np.array([1, -2], np.float32)})[0].tolist() == [-1, 2]


def _words(text: str) -> list[str]:
    return "".join(character.lower() if character.isalpha() else " " for character in text).split()


def _characters(text: str) -> list[str]:
    return [character for character in text if character.isalnum()]


def _distance(expected: list[str], got: list[str]) -> int:
    """Levenshtein's."""
    row = list(range(len(got) + 1))
    for index, left in enumerate(expected, start=1):
        previous, row[0] = row[0], index
        for column, right in enumerate(got, start=1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (left != right))
    return row[-1]
