"""The child process of `llama.py`: reads requests as lines of JSON from standard input, writes answers as lines of JSON to standard output.

`python -m agent.providers.llm.llama_child LIBRARIES MODEL THREADS BEGINNINGS`, where BEGINNINGS is a folder for prompts that were read already.
It ends with its standard input, that is, when its parent is gone.

    in:  {"ask": 7, "messages": [["user", "Hello"]], "ending": "answer", "most": 160, "temperature": 0.3, "seed": 1}
         {"take_back": 7}   {"keep": 8, "messages": [["system", "…"]]}   {"hold": 2}
    out: {"ready": true}   {"of": 7, "text": "Hi"}   {"of": 7, "end": "stop", "read": 4, "cached": 170, "written": 1}
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, Final

from agent.providers.llm.batching import BATCH_TOKENS, Batching, End, Event
from agent.providers.llm.libllama import Ending, Library, LibraryUnusable, Network, Unreadable
from agent.providers.local.baton import Claim

CONTEXT_TOKENS: Final = 7_168
"""Of all conversations together, as long as each may be with its answer (`window`): 28 kB each for the 1.5B model."""
SEQUENCES: Final = 4
KEPT: Final = 4
BEGINNINGS: Final = 12
"""Files that stay."""


class Child:
    """The loop: commands in between steps."""

    def __init__(self, network: Network, folder: Path, fingerprint: str) -> None:
        self._network = network
        self._folder = folder
        self._fingerprint = fingerprint
        self._commands: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._batching = Batching(network, sequences=SEQUENCES, kept=KEPT, emit=self._emit)
        self._keeping: dict[int, list[int]] = {}
        self._answering: set[int] = set()
        """Requests whose steps are broken off when they are taken back, or when an engine that somebody waits for needs the processor. Those that only read
        take short steps, and what follows begins with the same words."""
        self._claim = Claim.NOTHING

    @property
    def _held(self) -> bool:
        """Whether others need the processor."""
        return self._claim.stops(self._network.crowded)

    def run(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        _say({"ready": True})
        while True:
            self._network.abort = (
                False  # what is set from here on is about a command that is taken below, or stops the step that it is about
            )
            waits = self._held or not self._batching.busy
            while waits or not self._commands.empty():
                command = self._commands.get()
                if command is None:
                    return
                self._obey(command)
                waits = self._held or not self._batching.busy
            self._network.shared = self._claim is not Claim.NOTHING
            self._batching.step()

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            command = json.loads(line)
            self._claim = Claim(command.get("hold", self._claim))  # it counts from now on; the command wakes the loop
            self._network.shared = self._network.shared or self._claim is not Claim.NOTHING
            self._commands.put(command)
            if command.get("most", 0) > 0:
                self._answering.add(int(command["ask"]))
            elif ("hold" in command and self._held and self._answering) or command.get("take_back") in self._answering:
                self._network.abort = True
        self._commands.put(None)
        self._network.abort = True

    def _obey(self, command: dict[str, Any]) -> None:
        batching = self._batching
        if "hold" in command:
            return
        if "take_back" in command:
            batching.take_back(int(command["take_back"]))
        elif "keep" in command:
            self._keep(int(command["keep"]), self._prompt(command["messages"], "closed"))
        else:
            prompt = self._prompt(command["messages"], command["ending"])
            batching.ask(
                int(command["ask"]), prompt, most=int(command["most"]), temperature=float(command["temperature"]), seed=int(command["seed"])
            )

    def _prompt(self, messages: list[tuple[str, str]], ending: Ending) -> list[int]:
        return self._network.prompt([(role, text) for role, text in messages], ending)

    def _keep(self, number: int, prompt: list[int]) -> None:
        if self._batching.keep(prompt, self._file(prompt)):
            self._emit(End(number, "stop", 0, len(prompt), 0))
        else:
            self._keeping[number] = prompt
            self._batching.ask(number, prompt, most=0, background=True)

    def _file(self, prompt: list[int]) -> Path:
        digest = hashlib.sha256(f"{self._fingerprint} {prompt}".encode()).hexdigest()
        return self._folder / f"{digest[:32]}.state"

    def _emit(self, event: Event) -> None:
        if not isinstance(event, End):
            _say({"of": event.request, "text": event.text})
            return
        self._answering.discard(event.request)
        if (prompt := self._keeping.pop(event.request, None)) is not None and event.ending == "length":
            self._batching.keep(prompt, self._file(prompt))
            _tidy(self._folder)
        _say({"of": event.request, "end": event.ending, "read": event.read, "cached": event.cached, "written": event.written})


def _tidy(folder: Path) -> None:
    """Only the newest beginnings stay."""
    files = sorted(folder.glob("*.state"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[BEGINNINGS:]:
        file.unlink(missing_ok=True)


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def main(libraries: Path, model: Path, threads: int, beginnings: Path) -> None:
    try:
        library = Library(libraries)
        network = Network(
            library, model, context_tokens=CONTEXT_TOKENS, sequences=SEQUENCES + KEPT, batch_tokens=BATCH_TOKENS, threads=threads
        )
    except (LibraryUnusable, Unreadable) as error:
        sys.exit(str(error))
    beginnings.mkdir(parents=True, exist_ok=True)
    status = model.stat()
    Child(network, beginnings, f"{libraries} {model.name} {status.st_size} {status.st_mtime_ns}").run()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
