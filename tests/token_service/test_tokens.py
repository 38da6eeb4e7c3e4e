"""The token endpoint as LiveKit's clients use it, and the guard before every door."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from agent.config import Config, ConfigError
from token_service.app import create_app
from token_service.status import Readiness
from token_service.tokens import InvalidToken, Tokens, generated_secret

SECRET = "a-secret-for-tests-of-32-characters"


class Fixed:
    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def readiness(self) -> Readiness:
        return self._readiness


def client(config: Config | None = None, readiness: Readiness | None = None) -> TestClient:
    config = config or Config()
    app = create_app(config, Tokens("key", SECRET, timedelta(minutes=5)), Fixed(readiness or Readiness(True)), doors=("peer", "ws"))
    return TestClient(app, base_url="http://127.0.0.1:8080")


@pytest.fixture
def http() -> Iterator[TestClient]:
    with client() as it:
        yield it


def claims(answer: dict[str, Any]) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(answer["participant_token"], SECRET, algorithms=["HS256"], issuer="key")
    return decoded


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"room_config": {}},
        {"room_config": None},
        {"room_config": {"agents": []}},
        {"room_config": {"name": "", "max_participants": 0}},
    ],
)
def test_an_empty_request_gets_a_room_an_identity_and_our_agent(http: TestClient, body: Any) -> None:
    answer = http.post("/api/token", json=body) if body is not None else http.post("/api/token")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"server_url", "participant_token", "room_name"}
    held = claims(answer.json())
    assert held["video"]["roomJoin"] is True
    assert held["video"]["room"] == answer.json()["room_name"]
    assert [agent["agentName"] for agent in held["roomConfig"]["agents"]] == ["visavis"]
    assert held["exp"] > held["nbf"]


def test_each_request_gets_its_own_room(http: TestClient) -> None:
    rooms = {http.post("/api/token").json()["room_name"] for _ in range(20)}
    assert len(rooms) == 20


def test_every_field_of_the_standard_request(http: TestClient) -> None:
    body = {
        "room_name": "lobby",
        "participant_name": "Ann",
        "participant_identity": "ann-1",
        "participant_metadata": "m",
        "participant_attributes": {"colour": "red"},
        "room_config": {
            "agents": [{"agent_name": "visavis", "metadata": '{"persona":"default"}', "deployment": "", "attributes": {"a": "b"}}]
        },
    }
    answer = http.post("/api/token", json=body).json()
    held = claims(answer)
    assert (answer["room_name"], answer["participant_name"]) == ("lobby", "Ann")
    assert (held["sub"], held["name"], held["metadata"], held["attributes"]) == ("ann-1", "Ann", "m", {"colour": "red"})
    assert held["roomConfig"]["agents"] == [{"agentName": "visavis", "metadata": '{"persona":"default"}'}]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"participant_attributes": {"lk.agent.state": "x"}}, 400, "lk.agent.state"),
        ({"participant_attributes": {"LK.publish": "x"}}, 400, "reserved"),
        ({"room_config": {"egress": {"room": {}}}}, 400, "egress"),
        ({"room_config": {"max_participants": 9}}, 400, "max_participants"),
        ({"room_config": {"metadata": "x"}}, 400, "metadata"),
        ({"room_config": {"agents": [{"agent_name": "somebody-else"}]}}, 400, "somebody-else"),
        ({"room_config": {"agents": "all"}}, 400, "list"),
        ({"room_config": {"agents": [7]}}, 400, "agents"),
        ({"room_config": []}, 400, "room_config"),
        ({"room_name": "../etc"}, 400, "room_name"),
        ({"participant_identity": "x" * 200}, 400, "participant_identity"),
        ([1], 400, "object"),
    ],
)
def test_what_is_refused_says_why_and_is_no_answer(http: TestClient, body: Any, status: int, says: str) -> None:
    answer = http.post("/api/token", json=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]
    assert "participant_token" not in answer.text


def test_a_huge_request_is_refused(http: TestClient) -> None:
    assert http.post("/api/token", content=b"x" * 10_000_000).status_code == 413


def test_outside_open_mode_a_key_is_needed() -> None:
    config = Config.model_validate({"auth": {"mode": "token", "api_keys": ["server-key-1"]}})
    with client(config) as http:
        assert http.post("/api/token").status_code == 401
        assert http.post("/api/token", headers={"Authorization": "Bearer wrong"}).status_code == 401
        answer = http.post("/api/token", headers={"Authorization": "Bearer server-key-1"}, json={"room_name": "lobby"})
        assert answer.json()["room_name"] == "lobby"


def test_open_mode_stays_on_this_machine() -> None:
    with pytest.raises(ConfigError, match="open"):
        client(Config.model_validate({"http": {"host": "0.0.0.0"}}))


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:8080"])
def test_a_foreign_host_is_refused(http: TestClient, host: str) -> None:
    assert http.get("/healthz", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://", "chrome-extension://abc"])
def test_a_foreign_origin_opens_nothing(http: TestClient, origin: str) -> None:
    for answer in (http.post("/api/token", headers={"Origin": origin}), http.options("/api/token", headers={"Origin": origin})):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    with pytest.raises(WebSocketDisconnect), http.websocket_connect("/ws/session", headers={"Origin": origin}):
        pass


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:3000", "https://app.example"])
def test_loopback_and_listed_origins_are_answered(origin: str) -> None:
    with client(Config.model_validate({"http": {"origins": ["https://app.example"]}})) as http:
        preflight = http.options("/api/token", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 204
        for name in ("Content-Type", "Authorization", "X-Sandbox-Id"):
            assert name in preflight.headers["access-control-allow-headers"]
        answer = http.post("/api/token", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin


def test_readiness_and_information() -> None:
    progress = {"phase": "downloading", "done_bytes": 1, "total_bytes": 2, "eta_s": 3.0}
    with client(readiness=Readiness(False, ("the voice is being fetched",), progress, "faq", ("the disk is full",))) as http:
        answer = http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {
            "ready": False,
            "missing": ["the voice is being fetched"],
            "progress": progress,
            "answers": "faq",
            "troubles": ["the disk is full"],
        }
        info = http.get("/api/info").json()
        assert info["recorded"] is False
        assert (info["ready"], info["doors"], info["stored"], info["dev"], info["livekit"]) == (False, ["peer", "ws"], True, True, False)
        assert info["answers"] == "faq"
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/metrics").status_code == 200
        assert "/api/token" in http.get("/openapi.json").json()["paths"]


def test_a_token_is_verified() -> None:
    tokens = Tokens("key", SECRET, timedelta(minutes=5))
    held = tokens.verify(tokens.mint(identity="ann", room="lobby", name="Ann"))
    assert (held.identity, held.name, held.room) == ("ann", "Ann", "lobby")
    other = Tokens("key", SECRET + "x", timedelta(minutes=5)).mint(identity="ann", room="lobby")
    old = Tokens("key", SECRET, timedelta(minutes=-5)).mint(identity="ann", room="lobby")
    nobody = jwt.encode({"iss": "key", "sub": "ann", "exp": 2**40, "nbf": 0, "video": {}}, SECRET, algorithm="HS256")
    unsigned = jwt.encode({"iss": "key", "sub": "ann", "exp": 2**40, "nbf": 0, "video": {"roomJoin": True}}, "", algorithm="none")
    for bad in (other, old, nobody, unsigned, "", "a.b.c", "x" * 5000):
        with pytest.raises(InvalidToken):
            tokens.verify(bad)


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = generated_secret(home)
    assert first == generated_secret(home)
    assert len(first) >= 32
    assert stat.S_IMODE((home / "token-secret").stat().st_mode) == 0o600
    assert [p.name for p in home.iterdir()] == ["token-secret"]
