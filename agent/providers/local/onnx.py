"""onnxruntime sessions as this project wants them: a fixed number of threads, no busy waiting, errors that name the file."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

from agent.models.errors import ModelCorrupt, ModelMissing
from agent.models.resources import does_not_fit, out_of_memory
from agent.providers.local.memory import give_back_freed


def open_session(model: Path | bytes, *, threads: int = 1, name: str = "") -> ort.InferenceSession:
    """Load a model file, or the bytes of one called `name`. Raises `ModelMissing`, `ModelCorrupt`, `NotEnoughMemory`."""
    label = name or (model.name if isinstance(model, Path) else "model")
    if isinstance(model, Path) and not model.is_file():
        raise ModelMissing(f"{label}: {model} is not there; `visavis models fetch` brings the models")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Work in small blocks: a thread that another program keeps from its core leaves less to wait for.
    options.add_session_config_entry("session.dynamic_block_base", "4")
    # A thread that spins while it waits takes the core that another engine needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(model) if isinstance(model, Path) else model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base but this
        if out_of_memory(error):
            raise does_not_fit(label) from error
        reason = str(error).splitlines()[0][:300]
        raise ModelCorrupt(f"{label} cannot be loaded ({reason}); `visavis models verify` tells whether the file is intact") from error
    give_back_freed()
    return session
