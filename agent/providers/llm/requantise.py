"""The language model in another quantisation, made on this machine by llama.cpp, which some processors run much faster than the published one.

`python -m agent.providers.llm.requantise LIBRARIES MODEL OUT KIND`. Facts are from llama.h of llama.cpp v0.5.0; see `libllama`.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from agent.models.derived import Derived
from agent.models.errors import ModelError
from agent.models.runtimes import RUNTIME
from agent.providers.llm.libllama import Library, LibraryUnusable

KINDS: Final = {"Q4_K": (14, 12), "Q4_0": (2, 43)}
"""llama_ftype, and ggml_type of the table of words (43: as the first says), from what changes least to what changes most. Q4_K is llama.cpp's Q4_K_S with a
table of words in four bits, too, which is read whole for every word that is written. Q4_0 is a plain format that multiplies small integers directly."""
PUBLISHED: Final = "Q4_K_M"
SECONDS: Final = 600.0
_DEFAULTS: Final = [0, 7, 43, 43]
"""The first words of llama_model_quantize_params: nthread, ftype, output_tensor_type, token_embedding_type; then flags, allow_requantize first."""


class _Parameters(ctypes.Structure):
    _fields_ = [("words", ctypes.c_uint32 * 64)]


def derived(model: str, kind: str) -> Derived:
    """For `ModelStore.derive`. Only where there is a runtime."""
    assert RUNTIME is not None
    return Derived(f"{model}-{kind.lower()}", (model, RUNTIME.name), "1", partial(_make, model, kind), f"{model}-{kind.lower()}.gguf")


def _make(model: str, kind: str, inputs: Mapping[str, Path], out: Path) -> None:
    assert RUNTIME is not None
    command = [sys.executable, "-m", "agent.providers.llm.requantise", str(inputs[RUNTIME.name]), str(inputs[model]), str(out), kind]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603 - our own module
    except subprocess.TimeoutExpired:
        raise ModelError(f"{model} could not be requantised within {SECONDS:g} s") from None
    if done.returncode:
        raise ModelError(f"{model} could not be requantised: {done.stderr.strip()[-300:] or f'it ended with status {done.returncode}'}")


def main(libraries: Path, model: Path, out: Path, kind: str) -> None:
    try:
        library = Library(libraries)
    except LibraryUnusable as error:
        sys.exit(str(error))
    llama = library.llama
    llama.llama_model_quantize_default_params.restype = _Parameters
    llama.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_Parameters)]
    llama.llama_model_quantize.restype = ctypes.c_uint32
    parameters = llama.llama_model_quantize_default_params()
    if list(parameters.words[:4]) != _DEFAULTS:
        sys.exit("this build of llama.cpp has another layout than the one that Visavis was written for")
    parameters.words[0] = os.cpu_count() or 1
    parameters.words[1], table = KINDS[kind]
    parameters.words[2] = parameters.words[3] = table
    (ctypes.c_uint8 * 1).from_buffer(parameters, 16)[0] = 1
    if llama.llama_model_quantize(str(model).encode(), str(out).encode(), ctypes.byref(parameters)):
        sys.exit("llama.cpp could not do it")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
