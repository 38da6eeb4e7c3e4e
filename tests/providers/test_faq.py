"""`local.faq` with the real encoder: what is found in the shipped list and what is not, in both languages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APITimeoutError, llm

from agent.config import Persona
from agent.dialogue.faq import Faq
from agent.dialogue.faq_talk import FaqTalk
from agent.dialogue.language import script_language
from agent.protocol.messages import Language
from agent.providers.llm import faq as faq_module
from agent.providers.llm.embeddings import LONGEST, QuestionIndex, plain
from agent.providers.llm.faq import FaqLLM
from agent.providers.local.lane import Cancel, Lane
from tests.fixtures.aio import eventually

ONCE = APIConnectOptions(max_retry=0, timeout=10)
SHIPPED = Faq.read()

PARAPHRASES: dict[Language, list[tuple[str, str]]] = {
    "en": [
        ("who", "Hi there, what's your name?"),
        ("who", "who are you"),
        ("human", "Are you an actual person?"),
        ("human", "so you are a robot?"),
        ("abilities", "What can you do for me?"),
        ("languages", "Which languages can you speak?"),
        ("interrupt", "How can I interrupt you while you speak?"),
        ("stored", "Do you store what I say?"),
        ("stored", "Is this conversation recorded?"),
        ("model", "How can I give you a language model?"),
        ("model", "How do I use you with Ollama?"),
        ("visavis", "What is Visavis about?"),
        ("mute", "How do I mute the mic?"),
        ("type", "Can I write instead of talking?"),
        ("thanks", "Thank you so much!"),
        ("bye", "Bye, see you soon."),
        ("how-are-you", "How are you today?"),
        ("joke", "Please tell me a joke."),
        ("joke", "Tell me another joke."),
        ("story", "Could you tell me a little story?"),
        ("sing", "Will you sing a song for me?"),
        ("repeat", "Could you repeat that, please?"),
        ("louder", "Could you speak louder?"),
        ("slower", "Could you speak a bit slower?"),
        ("hello", "Hello!"),
        ("hello", "Good morning, Vera."),
        ("local", "Do you run offline?"),
        ("cost", "Do you cost anything?"),
        ("hear", "Do you hear me?"),
        ("sad", "I am so sad today."),
    ],
    "zh": [
        ("who", "请问你是谁？"),
        ("who", "你叫什么呀"),
        ("human", "你到底是人还是机器？"),
        ("human", "你是个机器人吗？"),
        ("abilities", "你都会做些什么？"),
        ("languages", "你会说哪些语言？"),
        ("interrupt", "我要怎么打断你？"),
        ("stored", "我说的话会存下来吗？"),
        ("stored", "你会不会录音？"),
        ("model", "怎样给你接一个语言模型？"),
        ("model", "怎么连上 Ollama？"),
        ("visavis", "Visavis 是个什么项目？"),
        ("mute", "怎么把麦克风关掉？"),
        ("type", "我可以打字吗？"),
        ("thanks", "谢谢你！"),
        ("bye", "再见啦。"),
        ("how-are-you", "你最近怎么样？"),
        ("joke", "讲个笑话吧。"),
        ("joke", "再讲一个笑话。"),
        ("story", "给我讲个小故事。"),
        ("sing", "你唱首歌吧。"),
        ("repeat", "请你再说一遍。"),
        ("louder", "请大声一点。"),
        ("slower", "请说慢一点。"),
        ("hello", "你好！"),
        ("hello", "早上好呀。"),
        ("local", "你要联网吗？"),
        ("cost", "你是收费的吗？"),
        ("hear", "你能听见我吗？"),
        ("sad", "我今天好难过。"),
    ],
}
"""None of these stands in the list word for word but for the plainest."""

ELSEWHERE: dict[Language, list[str]] = {
    "en": [
        "What is the capital of France?",
        "How do I bake an apple pie?",
        "Who won the football match yesterday?",
        "What is seventeen times four?",
        "Explain quantum mechanics to me.",
        "Write a letter to my landlord.",
        "How tall is Mount Everest?",
        "Is it going to rain tomorrow?",
        "Who painted the Mona Lisa?",
        "Turn on the light in the kitchen.",
        "How do vaccines work?",
        "Set an alarm for seven o'clock.",
        "Which bus goes to the airport?",
        "What's the population of Berlin?",
        "My dog ate my shoes.",
        "The meeting was moved to Thursday.",
        "Why is the sky blue?",
        "Recommend a good film.",
        "How many legs does a spider have?",
        "I would like to learn to dance.",
    ],
    "zh": [
        "法国的首都是哪里？",
        "苹果派怎么做？",
        "昨天的足球赛谁赢了？",
        "十七乘以四是多少？",
        "给我解释一下量子力学。",
        "帮我给房东写封信。",
        "珠穆朗玛峰有多高？",
        "明天会下雨吗？",
        "蒙娜丽莎是谁画的？",
        "把厨房的灯打开。",
        "疫苗是怎么起作用的？",
        "帮我定一个七点的闹钟。",
        "去机场坐哪路公交车？",
        "柏林有多少人口？",
        "我的狗把鞋咬坏了。",
        "会议改到星期四了。",
        "天空为什么是蓝色的？",
        "推荐一部好看的电影。",
        "蜘蛛有几条腿？",
        "我想学跳舞。",
    ],
}


@pytest.fixture(scope="module")
def index() -> Iterator[QuestionIndex]:
    made = QuestionIndex(Lane("list of answers"), SHIPPED.wordings("Vera"))
    asyncio.run(made.load())
    yield made
    asyncio.run(made.lane.aclose())


async def found(index: QuestionIndex, question: str) -> str:
    entry = await index.find(question, script_language(question, "en"), timeout=10)
    return SHIPPED.unknown.id if entry is None else SHIPPED.entries[entry].id


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_other_words_for_the_same_are_understood(index: QuestionIndex, language: Language) -> None:
    wrong = [(asked, got) for wanted, asked in PARAPHRASES[language] if (got := await found(index, asked)) != wanted]
    assert len(wrong) <= 2, wrong
    assert all(got == "unknown" for _, got in wrong), wrong


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_what_is_not_in_the_list_is_not_answered_from_it(index: QuestionIndex, language: Language) -> None:
    answered = [(asked, got) for asked in ELSEWHERE[language] if (got := await found(index, asked)) != "unknown"]
    assert len(answered) <= 1, answered


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("", "unknown"),
        ("   \n", "unknown"),
        ("?!…", "unknown"),
        ("😀🎉", "unknown"),
        ("\ud800", "unknown"),
        ("x" * 1_000_000, "unknown"),
        ("who are you " * 50_000, "unknown"),
        ("Who are you? 😀", "who"),
        ("WHO ARE YOU", "who"),
        ("Hello. Who are you?", "who"),
        ("Hello. What is the capital of France?", "unknown"),
        ("Tell me a joke. Thanks!", "joke"),
        ("你好！你是谁？", "who"),
        ("hello 你会讲笑话吗", "joke"),
    ],
)
async def test_odd_questions(index: QuestionIndex, question: str, entry: str) -> None:
    assert await found(index, question) == entry


async def test_marks_capitals_and_spaces_make_no_difference() -> None:
    assert plain("  Who’s there?!\nHELLO… ") == "who’s there hello"
    assert len(plain("x" * 1000)) > LONGEST


async def test_an_entry_in_one_language_is_found_in_the_other() -> None:
    index = QuestionIndex(Lane("other"), [{"en": ["When do you open?"]}, {"zh": ["门票多少钱？"]}, {}])
    await index.load()
    try:
        assert await index.find("你们几点开门？", "zh", timeout=10) == 0
        assert await index.find("How much is a ticket?", "en", timeout=10) == 1
        assert await index.find("What is the capital of France?", "en", timeout=10) is None
    finally:
        await index.lane.aclose()


async def ask(model: llm.LLM, *said: str) -> str:
    context = llm.ChatContext.empty()
    for place, text in enumerate(said):
        context.add_message(role="assistant" if place % 2 else "user", content=text)
    answer = ""
    async with model.chat(chat_ctx=context, conn_options=ONCE) as stream:
        async for chunk in stream:
            answer += (chunk.delta.content or "") if chunk.delta else ""
    return answer


async def test_a_list_of_ones_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text('- {q: ["When do you open?"], a: "At nine."}\n- {q: ["你们几点关门？"], a: "六点，{name}等你。"}\n', encoding="utf-8")
    faq = Faq.read(file)
    index = QuestionIndex(Lane("mine"), faq.wordings("小艾"))
    await index.load()
    try:
        model = FaqLLM(index, FaqTalk(faq, Persona(name="小艾")))
        assert await ask(model, "What time do you open?") == "At nine."
        assert await ask(model, "几点关门？") == "六点，小艾等你。"
        joke = await ask(model, "Tell me a joke")
        assert "language model" in joke
        assert "When do you open?" in joke
    finally:
        await index.lane.aclose()


class Slow(QuestionIndex):
    """A search that lasts until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(Lane("slow"), [{"en": ["Hello"]}])
        self.begun = threading.Event()
        self.ended = threading.Event()

    def _find(self, question: str, language: Language, cancel: Cancel) -> int | None:
        self.begun.set()
        try:
            while True:
                cancel.check()
                self.ended.wait(0.005)
        finally:
            self.ended.set()


class Words:
    def question(self, messages: object) -> str:
        return "Hello"

    def language(self, messages: object) -> Language:
        return "en"

    def answer(self, messages: object, entry: int | None) -> str:
        return "never said"


async def test_a_question_that_is_taken_back_is_not_searched_on() -> None:
    index = Slow()
    try:
        stream = FaqLLM(index, Words()).chat(chat_ctx=llm.ChatContext.empty(), conn_options=ONCE)
        await eventually(index.begun.is_set, "the search has begun")
        await stream.aclose()
        await eventually(index.ended.is_set, "the search has ended")
    finally:
        await index.lane.aclose()


async def test_a_search_that_takes_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faq_module, "FIND_SECONDS", 0.05)
    index = Slow()
    try:
        with pytest.raises(APITimeoutError, match="overloaded"):
            await ask(FaqLLM(index, Words()), "Hello")
        await eventually(index.ended.is_set, "the search has ended")
    finally:
        await index.lane.aclose()


async def test_after_the_end_nothing_is_searched() -> None:
    index = Slow()
    await index.lane.aclose()
    with pytest.raises(APIConnectionError, match="shut down"):
        await ask(FaqLLM(index, Words()), "Hello")
