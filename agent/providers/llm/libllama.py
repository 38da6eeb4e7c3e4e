"""llama.cpp's C interface, bound with ctypes: several conversations in one cache, cut and copied at any token, and an abort within a decoding step.

Our own, because no Python package offers it: xllamacpp brings llama.cpp built for AVX2 alone, behind a server that reads prompts a quarter slower and
cannot keep the beginning of conversations on disk. Here the libraries come from node-llama-cpp, which builds one for each generation of processors and
picks the newest that this one can run. On a Xeon with AVX-512 and two cores the first word of an answer came 190 ms sooner.

Structures are passed by value as blocks larger than they are, with the few fields that are set at offsets checked against llama.cpp's own defaults: a
library of another layout is refused, not corrupted. Facts are from llama.h and ggml-cpu.h of llama.cpp v0.5.0.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import psutil  # type: ignore[import-untyped]

from agent.providers.llm.crowding import Clock, Crowding
from agent.providers.local.memory import give_back_mapped

_POINTER: Final = ctypes.c_void_p
_INT: Final = ctypes.c_int32
_TEXT: Final = ctypes.c_char_p

ABORTED: Final = 2
NO_ROOM: Final = 1
TOP_K: Final = 40
TOP_P: Final = 0.95


Ending = Literal["answer", "closed", "open"]
_SOONER: Final = ("<|im_end|>\n<|im_start|>assistant", "<|im_start|>assistant")
"""ChatML's marks between a question and its answer, and what of them is left. All can be read only when the question has ended, and each delays the answer by
18 ms on two cores. With two of five gone Qwen2.5 answered 90 questions in two languages as well as before; with the line's end after them, too, it began to
ramble. Other templates stay as they are."""


class LibraryUnusable(RuntimeError):
    """The libraries are missing, do not run here, or are not the ones that this file was written for."""


class Unreadable(RuntimeError):
    """The model's file cannot be loaded."""


class _Parameters(ctypes.Structure):
    _fields_ = [("block", ctypes.c_uint32 * 128)]


class _Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", _INT),
        ("token", ctypes.POINTER(_INT)),
        ("embd", _POINTER),
        ("pos", ctypes.POINTER(_INT)),
        ("n_seq_id", ctypes.POINTER(_INT)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(_INT))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


class _Message(ctypes.Structure):
    _fields_ = [("role", _TEXT), ("content", _TEXT)]


class _ThreadPool(ctypes.Structure):
    _fields_ = [
        ("mask", ctypes.c_bool * 512),
        ("n_threads", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    ]


COMPLAINTS: Final = 5
_ERROR: Final = 4
"""GGML_LOG_LEVEL_ERROR."""
_Log: Final = ctypes.CFUNCTYPE(None, ctypes.c_int, _TEXT, _POINTER)
_Abort: Final = ctypes.CFUNCTYPE(ctypes.c_bool, _POINTER)

_FUNCTIONS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "llama_backend_init": (None, []),
    "llama_log_set": (None, [_Log, _POINTER]),
    "llama_model_default_params": (_Parameters, []),
    "llama_context_default_params": (_Parameters, []),
    "llama_model_load_from_file": (_POINTER, [_TEXT, _Parameters]),
    "llama_model_free": (None, [_POINTER]),
    "llama_model_get_vocab": (_POINTER, [_POINTER]),
    "llama_model_chat_template": (_TEXT, [_POINTER, _TEXT]),
    "llama_chat_apply_template": (_INT, [_TEXT, ctypes.POINTER(_Message), ctypes.c_size_t, ctypes.c_bool, _TEXT, _INT]),
    "llama_init_from_model": (_POINTER, [_POINTER, _Parameters]),
    "llama_free": (None, [_POINTER]),
    "llama_n_ctx_seq": (ctypes.c_uint32, [_POINTER]),
    "llama_set_n_threads": (None, [_POINTER, _INT, _INT]),
    "llama_set_abort_callback": (None, [_POINTER, _Abort, _POINTER]),
    "llama_attach_threadpool": (None, [_POINTER, _POINTER, _POINTER]),
    "llama_get_memory": (_POINTER, [_POINTER]),
    "llama_memory_seq_rm": (ctypes.c_bool, [_POINTER, _INT, _INT, _INT]),
    "llama_memory_seq_cp": (None, [_POINTER, _INT, _INT, _INT, _INT]),
    "llama_memory_seq_add": (None, [_POINTER, _INT, _INT, _INT, _INT]),
    "llama_memory_can_shift": (ctypes.c_bool, [_POINTER]),
    "llama_state_seq_save_file": (ctypes.c_size_t, [_POINTER, _TEXT, _INT, ctypes.POINTER(_INT), ctypes.c_size_t]),
    "llama_state_seq_load_file": (
        ctypes.c_size_t,
        [_POINTER, _TEXT, _INT, ctypes.POINTER(_INT), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)],
    ),
    "llama_tokenize": (_INT, [_POINTER, _TEXT, _INT, ctypes.POINTER(_INT), _INT, ctypes.c_bool, ctypes.c_bool]),
    "llama_token_to_piece": (_INT, [_POINTER, _INT, _TEXT, _INT, _INT, ctypes.c_bool]),
    "llama_vocab_is_eog": (ctypes.c_bool, [_POINTER, _INT]),
    "llama_batch_init": (_Batch, [_INT, _INT, _INT]),
    "llama_batch_free": (None, [_Batch]),
    "llama_decode": (_INT, [_POINTER, _Batch]),
    "llama_sampler_chain_default_params": (ctypes.c_bool, []),
    "llama_sampler_chain_init": (_POINTER, [ctypes.c_bool]),
    "llama_sampler_chain_add": (None, [_POINTER, _POINTER]),
    "llama_sampler_init_top_k": (_POINTER, [_INT]),
    "llama_sampler_init_top_p": (_POINTER, [ctypes.c_float, ctypes.c_size_t]),
    "llama_sampler_init_temp": (_POINTER, [ctypes.c_float]),
    "llama_sampler_init_dist": (_POINTER, [ctypes.c_uint32]),
    "llama_sampler_init_greedy": (_POINTER, []),
    "llama_sampler_sample": (_INT, [_POINTER, _POINTER, _INT]),
    "llama_sampler_free": (None, [_POINTER]),
}


class Entry(NamedTuple):
    """A token to be read: at which place of which sequence, and whether a next token will be chosen after it."""

    token: int
    place: int
    sequence: int
    choose: bool


class Library:
    """The shared libraries of `folder`. Once a process. Raises `LibraryUnusable`."""

    def __init__(self, folder: Path) -> None:
        self._complaints: Final = deque[str](maxlen=COMPLAINTS)
        try:
            self._ggml = ctypes.CDLL(_only(folder, "libggml.*"), mode=ctypes.RTLD_GLOBAL)
            self.llama: Final = ctypes.CDLL(_only(folder, "libllama.*"), mode=ctypes.RTLD_GLOBAL)
            for name, (result, arguments) in _FUNCTIONS.items():
                function = getattr(self.llama, name)
                function.restype, function.argtypes = result, arguments
            self._log = _Log(self._heard)
            self.llama.llama_log_set(self._log, None)
            self._load_variants(folder)
        except (OSError, AttributeError) as error:
            raise LibraryUnusable(f"llama.cpp in {folder} does not run here: {error}") from None
        self.llama.llama_backend_init()

    def _heard(self, level: int, text: bytes, _: object) -> None:
        if level == _ERROR:
            self._complaints.append(text.decode(errors="replace").strip())

    @property
    def why(self) -> str:
        """What they said of the last thing that they could not do."""
        return "; ".join(self._complaints) or "it does not say why"

    def _load_variants(self, folder: Path) -> None:
        ggml = self._ggml
        ggml.ggml_backend_load_all_from_path.argtypes = [_TEXT]
        ggml.ggml_backend_load_all_from_path.restype = None
        ggml.ggml_backend_reg_by_name.argtypes = [_TEXT]
        ggml.ggml_backend_reg_by_name.restype = _POINTER
        ggml.ggml_backend_load_all_from_path(str(folder).encode())
        self._cpu = ggml.ggml_backend_reg_by_name(b"CPU")
        if not self._cpu:
            raise LibraryUnusable(f"{folder} holds no build of llama.cpp that this processor can run")

    def thread_pool(self, threads: int) -> int | None:
        """A pool whose threads sleep while there is nothing to compute (the default one spins, which starves other engines on few cores)."""
        find = ctypes.CDLL(None).ggml_backend_reg_get_proc_address
        find.argtypes, find.restype = [_POINTER, _TEXT], _POINTER
        address = find(self._cpu, b"ggml_threadpool_new")
        if not address:
            return None
        make = ctypes.CFUNCTYPE(_POINTER, ctypes.POINTER(_ThreadPool))(address)
        pool = make(ctypes.byref(_ThreadPool(n_threads=threads)))
        return None if pool is None else int(pool)


class Network:
    """A model and one context. Not for several threads, but for `abort`, which any thread may set.

    `context_tokens`: of all sequences together; `batch_tokens`: the most that `read` takes. Raises `Unreadable`, `LibraryUnusable`.
    """

    def __init__(self, library: Library, model: Path, *, context_tokens: int, sequences: int, batch_tokens: int, threads: int) -> None:
        self._llama = llama = library.llama
        self._library = library
        self._model = llama.llama_model_load_from_file(str(model).encode(), llama.llama_model_default_params())
        if not self._model:
            raise Unreadable(f"llama.cpp cannot load {model.name}: {library.why}")
        parameters = _context_parameters(llama, context_tokens, batch_tokens, sequences, threads)
        self._context = llama.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise LibraryUnusable(f"llama.cpp cannot make a context: {library.why}")
        if llama.llama_n_ctx_seq(self._context) < context_tokens:
            raise LibraryUnusable("llama.cpp made another context than it was asked for")
        give_back_mapped(model)  # most weights were copied into the order in which this processor multiplies them
        if (pool := library.thread_pool(threads)) is not None:
            llama.llama_attach_threadpool(self._context, pool, pool)
        self._vocabulary = llama.llama_model_get_vocab(self._model)
        self._memory = llama.llama_get_memory(self._context)
        self._template = llama.llama_model_chat_template(self._model, None)
        self._batch = llama.llama_batch_init(batch_tokens, 0, 1)
        self._crowding = Crowding(threads, os.cpu_count() or threads)
        self.abort = False
        """While it is set, computing stops at the next opportunity."""
        self.shared = False
        """Set when engines of ours compute during a step: nothing can be learnt from it about other programs."""
        self._callback = _Abort(lambda _: self.abort)
        llama.llama_set_abort_callback(self._context, self._callback, None)

    @property
    def crowded(self) -> bool:
        """Whether other programs want the processor, too, so that one thread computes."""
        return self._crowding.crowded

    def prompt(self, messages: Sequence[tuple[str, str]], ending: Ending) -> list[int]:
        """Tokens of a conversation as the model was taught to read it: up to the answer that it is to write, up to the end of the last message, or with
        that message left open. What stands in a message stays text: it cannot end the message or begin another.
        """
        marks = [f"\ue000{number}\ue001" for number in range(len(messages))]
        array = (_Message * len(messages))(
            *(_Message(role.encode(), mark.encode()) for (role, _), mark in zip(messages, marks, strict=True))
        )
        size = 256 + 128 * len(messages)
        buffer = ctypes.create_string_buffer(size)
        written = -1
        for template in (self._template, b"chatml"):
            written = self._llama.llama_chat_apply_template(template, array, len(messages), ending == "answer", buffer, size)
            if 0 <= written <= size:
                break
        tokens: list[int] = []
        rest = buffer.raw[:written].decode().replace(*_SOONER)
        for mark, (_, text) in zip(marks, messages, strict=True):
            before, found, rest_after = rest.partition(mark)
            if not found:  # some templates put the system's text elsewhere
                continue
            tokens += self.tokens(before, special=True) + self.tokens(text)
            rest = rest_after
        if ending == "open":
            return tokens  # the last one may become another when the text goes on; then it is read again
        return tokens + self.tokens(rest, special=True)

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """`special`: names of control tokens in the text stand for them."""
        data = text.encode(errors="replace")
        buffer = (_INT * (len(data) + 8))()
        count = self._llama.llama_tokenize(self._vocabulary, data, len(data), buffer, len(buffer), False, special)
        return list(buffer[: max(0, count)])

    def piece(self, token: int) -> bytes:
        """A token's text: bytes, for a character may be spread over several tokens."""
        buffer = ctypes.create_string_buffer(128)
        size = self._llama.llama_token_to_piece(self._vocabulary, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(0, size)]

    def is_end(self, token: int) -> bool:
        return bool(self._llama.llama_vocab_is_eog(self._vocabulary, token))

    def read(self, entries: Sequence[Entry]) -> int:
        """0: all are in the cache; ABORTED: some may be; NO_ROOM: the cache is full. Anything else is a failure of the library."""
        batch = self._batch
        batch.n_tokens = len(entries)
        for index, (token, place, sequence, choose) in enumerate(entries):
            batch.token[index] = token
            batch.pos[index] = place
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = choose
        threads, before = self._crowding.threads, _clock()
        self._llama.llama_set_n_threads(self._context, threads, threads)
        result = int(self._llama.llama_decode(self._context, batch))
        if not self.shared:
            self._crowding.stepped(before, _clock())
        return result

    def choose(self, index: int, sampler: int) -> int:
        """The next token after entry `index` of what was read last."""
        return int(self._llama.llama_sampler_sample(sampler, self._context, index))

    def sampler(self, temperature: float, seed: int) -> int:
        """How tokens are chosen; to be freed."""
        llama = self._llama
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        if temperature <= 0:
            parts = [llama.llama_sampler_init_greedy()]
        else:
            parts = [
                llama.llama_sampler_init_top_k(TOP_K),
                llama.llama_sampler_init_top_p(TOP_P, 1),
                llama.llama_sampler_init_temp(temperature),
                llama.llama_sampler_init_dist(seed),
            ]
        for part in parts:
            llama.llama_sampler_chain_add(chain, part)
        return int(chain)

    def free_sampler(self, sampler: int) -> None:
        self._llama.llama_sampler_free(sampler)

    def cut(self, sequence: int, length: int) -> None:
        """Forget what a sequence holds beyond `length` tokens."""
        self._llama.llama_memory_seq_rm(self._memory, sequence, length, -1)

    def close_gap(self, sequence: int, start: int, end: int) -> bool:
        """Forget tokens `start` to `end` of a sequence and let those behind move up; what they remember of the forgotten ones stays in them. False: this
        model cannot. No other sequence may share what moves."""
        if not self._llama.llama_memory_can_shift(self._memory):
            return False
        self._llama.llama_memory_seq_rm(self._memory, sequence, start, end)
        self._llama.llama_memory_seq_add(self._memory, sequence, end, -1, start - end)
        return True

    def copy(self, source: int, target: int, length: int) -> None:
        """Let the empty sequence `target` begin with `length` tokens of `source`; they are shared, not computed."""
        self._llama.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def save(self, sequence: int, tokens: Sequence[int], file: Path) -> bool:
        array = (_INT * len(tokens))(*tokens)
        return bool(self._llama.llama_state_seq_save_file(self._context, str(file).encode(), sequence, array, len(tokens)))

    def load(self, sequence: int, tokens: Sequence[int], file: Path) -> bool:
        """Whether `sequence` now holds just `tokens`, which were saved into `file`."""
        array, count = (_INT * len(tokens))(), ctypes.c_size_t()
        done = self._llama.llama_state_seq_load_file(self._context, str(file).encode(), sequence, array, len(tokens), ctypes.byref(count))
        if done and count.value == len(tokens) and list(array) == list(tokens):
            return True
        self.cut(sequence, 0)
        return False


def _clock() -> Clock:
    times = psutil.cpu_times()
    return Clock(time.monotonic(), time.process_time(), times.user + times.system + getattr(times, "nice", 0.0))


def _only(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise LibraryUnusable(f"expected one {pattern} in {folder}, found {len(found)}")
    return str(found[0])


_CONTEXT_TOKENS, _BATCH, _MICROBATCH, _SEQUENCES, _THREADS, _THREADS_BATCH = 0, 1, 2, 3, 7, 8
_FLAGS: Final = 32
"""Words of llama_context_params; the flags are bytes: embeddings, offload_kqv, no_perf, op_offload, swa_full, kv_unified."""


def _context_parameters(llama: Any, context_tokens: int, batch_tokens: int, sequences: int, threads: int) -> _Parameters:
    parameters: _Parameters = llama.llama_context_default_params()
    block = parameters.block
    flags = (ctypes.c_uint8 * 6).from_buffer(parameters, _FLAGS * 4)
    if [*block[:4], *block[7:9]] != [512, 2048, 512, 1, 4, 4] or list(flags) != [0, 1, 1, 1, 1, 0]:
        raise LibraryUnusable("this build of llama.cpp has another layout than the one that Visavis was written for")
    block[_CONTEXT_TOKENS] = context_tokens
    block[_BATCH] = block[_MICROBATCH] = batch_tokens
    block[_SEQUENCES] = sequences
    block[_THREADS] = block[_THREADS_BATCH] = threads
    flags[5] = 1
    return parameters
