"""The supervisor of `make livekit`, with a real livekit-server and small programs in the place of worker and token service."""

import asyncio
import os
import re
import signal
import stat
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.config import Config, Http, LiveKit, Worker
from infra import livekit_up
from infra.console import Failure
from infra.livekit_server import Keys, LiveKitServer
from infra.livekit_up import Address, base_configuration, check_server, child_settings, obituary, stored_keys, up, what_is_missing
from infra.ports import free_tcp_port
from tests.fixtures.aio import eventually

PROGRAM = """#!{python}
import http.server, os, signal, sys, threading
name = sys.argv[1]
print("Page: http://elsewhere")
print(name, "finds", os.environ["LIVEKIT_URL"], os.environ["LIVEKIT_API_KEY"])
def end(*_):
    os.write(1, f"{{name}} ends\\n".encode())  # not through the buffer that the signal may have interrupted
    os._exit(0)
signal.signal(signal.SIGTERM, end)
{body}
"""

SERVICE = """
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = name == "worker" or os.path.exists({ready!r})
        self.send_response(200 if self.path == "/healthz" or ready else 503)
        self.end_headers()
        self.wfile.write(b'{{"ready": false, "missing": ["the model is being fetched"], "progress": null}}')
    def log_message(self, *_):
        pass
port = int(os.environ["PORT" if name == "api" else "VISAVIS__WORKER__PORT"])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def visavis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that stands for `visavis api` and `visavis worker`; the service is ready when the file `ready` beside it exists."""
    program = tmp_path / "venv" / "bin" / "visavis"
    program.parent.mkdir(parents=True)
    _write(program, SERVICE.format(ready=str(tmp_path / "ready")))
    monkeypatch.setattr(livekit_up, "VENV", tmp_path / "venv")
    monkeypatch.setattr(livekit_up, "REPORT_SECONDS", 0.2)
    return program


def _write(program: Path, body: str) -> None:
    program.write_text(PROGRAM.format(python=sys.executable, body=body))
    program.chmod(0o755)


def _config(server: LiveKitServer) -> Config:
    livekit = LiveKit(url=server.url, api_key=server.keys.api_key, api_secret=SecretStr(server.keys.api_secret))
    return Config(http=Http(port=free_tcp_port()), worker=Worker(port=free_tcp_port()), livekit=livekit)


@pytest.mark.livekit
async def test_page_then_ready_then_everything_ends_in_order(
    visavis: Path, livekit_server: LiveKitServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(livekit_server)
    running = asyncio.create_task(up(config, None))
    printed: list[str] = []

    def has(text: str) -> bool:
        printed.append(capsys.readouterr().out)
        return text in "".join(printed)

    await eventually(lambda: has("not ready yet"), "the page is up and says what is missing", timeout_seconds=20)
    page = f"http://127.0.0.1:{config.http.port}"
    said = "".join(printed)
    assert re.search(rf"^Page: {page}$", said, re.MULTILINE)
    assert "the model is being fetched" in said
    assert "Ready:" not in said
    (tmp_path / "ready").touch()
    await eventually(lambda: has(f"Ready: {page}\n"), "a conversation can be held", timeout_seconds=20)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 20) == 0
    said = "".join(printed) + capsys.readouterr().out
    assert said.index("worker ends") < said.index("api ends")
    assert f"finds {livekit_server.url} {livekit_server.keys.api_key}" in said
    assert said.count("Page:") == 1
    assert livekit_server.keys.api_secret not in said


@pytest.mark.livekit
@pytest.mark.parametrize("name", ["api", "worker"])
async def test_a_child_that_dies_ends_everything_with_its_last_words(
    name: str, visavis: Path, livekit_server: LiveKitServer, capsys: pytest.CaptureFixture[str]
) -> None:
    other = SERVICE.format(ready=str(visavis))
    _write(visavis, f"if name == {name!r}:\n    print('the model is broken', file=sys.stderr)\n    raise SystemExit(9)\n{other}")
    assert await asyncio.wait_for(up(_config(livekit_server), None), 30) == 1
    error = capsys.readouterr().err
    assert f"the {name} ended with exit code 9" in error
    assert "the model is broken" in error


@pytest.mark.livekit
async def test_a_port_in_use_is_told_before_anything_starts(visavis: Path, livekit_server: LiveKitServer) -> None:
    config = _config(livekit_server)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", config.http.port)
    async with server:
        with pytest.raises(Failure, match=f"port {config.http.port} is in use.*PORT="):
            await up(config, None)


@pytest.mark.livekit
async def test_a_server_of_the_persons_own_is_asked_first(livekit_server: LiveKitServer) -> None:
    await check_server(livekit_server.url, livekit_server.keys)
    with pytest.raises(Failure, match="does not take the keys"):
        await check_server(livekit_server.url, Keys(livekit_server.keys.api_key, "another secret that is long enough"))


@pytest.mark.parametrize(
    ("url", "keys", "reason"),
    [
        ("ws://127.0.0.1:9", Keys("", ""), "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are needed"),
        ("127.0.0.1:7880", Keys("k", "s" * 32), "expected an address like"),
        ("ws://127.0.0.1:9", Keys("k", "s" * 32), "no LiveKit server answers at ws://127.0.0.1:9"),
    ],
)
async def test_a_server_that_cannot_be_used_is_told(url: str, keys: Keys, reason: str) -> None:
    with pytest.raises(Failure, match=reason):
        await check_server(url, keys)


def test_keys_are_made_once_and_only_the_person_may_read_them(tmp_path: Path) -> None:
    file = tmp_path / "home" / "livekit.env"
    keys = stored_keys(file)
    assert stored_keys(file) == keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o644)
    stored_keys(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("LIVEKIT_API_KEY=half\n")
    assert stored_keys(file).api_key != "half"


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), ("a: [", "cannot be read"), ("- a", "expected settings")])
def test_a_livekit_yaml_that_cannot_be_used_is_told(content: str | None, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "livekit.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Failure, match=reason):
        base_configuration(file)


@pytest.mark.parametrize(
    ("address", "page"),
    [
        (Address("127.0.0.1", 8080, False), "http://127.0.0.1:8080"),
        (Address("0.0.0.0", 8080, False), "http://127.0.0.1:8080"),
        (Address("::1", 8443, True), "https://[::1]:8443"),
        (Address("talk.example.org", 443, True), "https://talk.example.org:443"),
    ],
)
def test_the_address_for_people(address: Address, page: str) -> None:
    assert address.page == page


def test_worker_and_token_service_find_each_other() -> None:
    told = child_settings(8080, 8099)
    assert told["PORT"] == "8080"
    assert told["VISAVIS__WORKER__PORT"] == "8099"
    assert told["VISAVIS__WORKER__URL"] == "http://127.0.0.1:8099"


def test_an_end_by_a_signal_is_named() -> None:
    assert obituary("worker", -11, []) == "the worker was ended by SIGSEGV; it said nothing"
    assert obituary("api", 2, ["a", "b"]).endswith("exit code 2. Its last words:\n  a\n  b")


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ('{"ready": false, "missing": ["speech recognition", "voice"], "progress": null}', "speech recognition, voice"),
        (
            '{"missing": ["voice"], "progress": {"phase": "fetch", "done_bytes": 250000000, "total_bytes": 1400000000, "eta_s": 170}}',
            "voice, fetched 250 of 1400 MB, about 3 min left",
        ),
        ('{"missing": ["voice"], "progress": {"phase": "load", "done_bytes": 0, "total_bytes": 0, "eta_s": null}}', "voice"),
        ('{"missing": [], "progress": {"done_bytes": 1}}', '{"missing": [], "progress": {"done_bytes": 1}}'),
        ("<html>\n  Bad gateway\n</html>", "<html> Bad gateway </html>"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_what_is_missing_is_told_in_a_line(answer: str, line: str) -> None:
    assert what_is_missing(answer) == line
