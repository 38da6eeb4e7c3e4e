"""Every door from outside: the terminal client through each, a foreign page through none, and no word to the network."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from infra.paths import ROOT
from tests.e2e.conftest import READY_SECONDS, Visitor
from tests.fixtures.program import Program
from tests.fixtures.speech import Speaker

pytestmark = pytest.mark.models


def talk(door: str, url: str, microphone: Path, out: Path, *more: str) -> list[dict[str, object]]:
    """`visavis talk`; its turns."""
    command = [sys.executable, "-m", "agent.cli", "talk", str(microphone), "--door", door, "--url", url, "--out", str(out), "--json", *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def sides(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 48_000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


@pytest.mark.parametrize("door", ["peer", "ws"])
def test_talking_through_each_door(demo: str, speaker: Speaker, tmp_path: Path, door: str) -> None:
    out = tmp_path / "out.wav"
    (turn,) = talk(door, demo, speaker.file("What is the capital of France?"), out, "--language", "en")
    assert "capital of France" in str(turn["said"])
    assert "Paris" in str(turn["answer"])
    assert isinstance(turn["latency_ms"], float)
    assert turn["latency_ms"] > 0
    said, heard = sides(out)
    assert np.abs(said).max() > 3_000
    assert np.abs(heard).max() > 3_000


def test_talking_in_chinese_with_the_language_found_by_ear(demo: str, speaker: Speaker, tmp_path: Path) -> None:
    (turn,) = talk("ws", demo, speaker.file("一个星期有几天？"), tmp_path / "out.wav")
    assert "星期" in str(turn["said"])
    assert re.search("七|7", str(turn["answer"]))


def test_a_file_that_is_no_sound_and_a_server_that_is_not_there(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound at all")
    for arguments, says in (
        ([str(broken)], "broken.wav"),
        (["--text", "hi", "--door", "ws", "--url", "http://127.0.0.1:9"], "no server answers"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "agent.cli", "talk", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert says in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


@contextmanager
def foreign_site(script: str) -> Iterator[int]:
    """A site of somebody else; the browser takes it for evil.example."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!doctype html><title>evil</title><script>{script}</script>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


ATTACK = """
window.attack = async address => {
  const outcomes = {};
  for (const [name, options] of [["token", {method: "POST", body: "{}"}], ["simple", {method: "POST", headers: {"Content-Type": "text/plain"}, body: "{}"}]])
    outcomes[name] = await fetch(address + "/api/token", options).then(r => r.text(), () => "refused");
  outcomes.offer = await fetch(address + "/api/rtc/offer", {method: "POST", headers: {Authorization: "Bearer x"}, body: "{}"}).then(r => r.text(), () => "refused");
  outcomes.info = await fetch(address + "/api/info").then(r => r.text(), () => "refused");
  outcomes.socket = await new Promise(done => {
    const socket = new WebSocket(address.replace("http", "ws") + "/ws/session", ["visavis.v1", "token.x"]);
    socket.onopen = () => done("open"); socket.onerror = () => done("refused");
  });
  return outcomes;
}
"""


@pytest.mark.browser
def test_a_page_of_a_foreign_site_opens_no_door(demo: str, visitor: Visitor) -> None:
    with foreign_site(ATTACK) as port:
        page = visitor.open(f"http://evil.example:{port}/", None, "--host-resolver-rules=MAP evil.example 127.0.0.1")
        outcomes = page.evaluate("address => window.attack(address)", demo)
        assert set(outcomes.values()) == {"refused"}, outcomes
        rebound = page.goto(demo.replace("127.0.0.1", "evil.example"))
        assert rebound is not None
        assert rebound.status == 421


class Departures:
    """What leaves by the way out of the namespace: (address, protocol, port) of every IPv4 packet, and any IPv6 but the kernel's own neighbour discovery."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
        self._socket.bind(("out0", 0))
        self._socket.setblocking(False)
        self._seen: set[tuple[str, int, int]] = set()
        self._stop = Event()
        self._thread = Thread(target=self._watch)
        self._thread.start()

    def send_a_probe(self) -> None:
        """A packet that must be seen, so that the test cannot pass without looking."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.sendto(b"x", ("192.0.2.1", 9))

    def _watch(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._socket], [], [], 0.2)[0]:
                continue
            packet = self._socket.recv(2048)
            kind = int.from_bytes(packet[12:14], "big")
            if kind == 0x0800:
                ports = 14 + (packet[14] & 15) * 4
                self._seen.add((socket.inet_ntoa(packet[30:34]), packet[23], int.from_bytes(packet[ports + 2 : ports + 4], "big")))
            elif kind == 0x86DD and packet[20] not in (0, 58):
                self._seen.add((socket.inet_ntop(socket.AF_INET6, packet[38:54]), packet[20], int.from_bytes(packet[56:58], "big")))

    def all(self) -> set[tuple[str, int, int]]:
        self._stop.set()
        self._thread.join()
        return self._seen


INSIDE = """
ip link set lo up
ip link add out0 type veth peer name far0
ip link set far0 up
sysctl -qw net.ipv6.conf.far0.disable_ipv6=1 2>/dev/null || true
sysctl -qw net.ipv6.conf.out0.disable_ipv6=1 2>/dev/null || true
ip address add 10.99.0.2/24 dev out0
ip link set out0 up
ip route add default via 10.99.0.1
ip neighbour add 10.99.0.1 lladdr 02:00:00:00:00:01 dev out0
exec "$@"
"""


@pytest.mark.skipif(
    os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="needs root, unshare and ip: a network namespace whose only way out is counted",
)
@pytest.mark.parametrize(
    ("chosen", "door", "question", "says"),
    [("full", "peer", "What is the capital of France?", "Paris"), ("lite", "ws", "Who are you?", "Vera")],
)
def test_a_conversation_says_nothing_to_the_network(
    speaker: Speaker, tmp_path: Path, chosen: str, door: str, question: str, says: str
) -> None:
    microphone = speaker.file(question)
    script = f"""
import sys
from pathlib import Path
from tests.e2e.test_doors import Departures, talk
from tests.fixtures.program import Program
left = Departures()
left.send_a_probe()
with Program([sys.executable, "-m", "agent.cli", "demo"], {{"VISAVIS_HOME": {str(tmp_path / "home")!r}, "PORT": "8123", "MODELS": {chosen!r}}}) as program:
    program.wait_for("Ready: ", {READY_SECONDS})
    (turn,) = talk({door!r}, "http://127.0.0.1:8123", Path({str(microphone)!r}), Path({str(tmp_path / "talk.wav")!r}), "--language", "en")
    assert {says!r} in turn["answer"], turn
print("LEFT", left.all())
"""
    command = ["unshare", "--net", "sh", "-c", INSIDE, "sh", sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "LEFT {('192.0.2.1', 17, 9)}" in done.stdout, done.stdout[-2000:]


def test_make_demo_says_what_is_wrong(tmp_path: Path) -> None:
    with foreign_site("") as port:
        cases = [
            ({"PORT": str(port)}, "in use"),
            ({"PORT": "many"}, "PORT=many"),
            ({"MODELS": "huge"}, "MODELS=huge"),
            ({"VISAVIS__PROVIDERS__STT": "local.atuo"}, "did you mean local.auto"),
            ({"VISAVIS__HTTP__HOST": "0.0.0.0"}, "auth.mode"),
            ({"VISAVIS_CONFIG": str(tmp_path / "none.yaml")}, "does not exist"),
        ]
        for environment, says in cases:
            with Program([sys.executable, "-m", "agent.cli", "demo"], {"VISAVIS_HOME": str(tmp_path), **environment}) as program:
                program._process.wait(60)
                assert program.stop() != 0
            text = " ".join(" ".join(program.lines).split())
            assert says in text, text
            assert "Traceback" not in text, text
