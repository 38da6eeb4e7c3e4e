"""/docs: complete, escaped, and asking nobody else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from agent.config import Config
from token_service.app import create_app
from token_service.reference import reference
from token_service.status import AlwaysReady
from token_service.tokens import Tokens

ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture
def http() -> Iterator[TestClient]:
    extra = APIRouter()

    @extra.get("/api/rooms/{room}", summary="One <room> & its people", responses={404: {}})
    async def room(room: str) -> dict[str, str]:
        """Who is there."""
        return {"room": room}

    tokens = Tokens("key", "a-secret-for-tests-of-32-characters", timedelta(minutes=5))
    with TestClient(create_app(Config(), tokens, AlwaysReady(), routers=(extra,)), base_url=ADDRESS) as it:
        yield it


def test_it_names_no_other_host_and_runs_no_script(http: TestClient) -> None:
    answer = http.get("/docs")
    assert answer.status_code == 200
    text = answer.text.replace(ADDRESS, "")
    assert not re.search(r"https?:|(?:src|href|url\()\s*=?\s*[\"']?//|@import", text)
    assert "<script" not in text
    assert set(re.findall(r'(?:href|src)="([^"#]*)', text)) <= {"", "/favicon.svg", "/openapi.json"}


def test_its_policy_allows_its_own_style_and_nothing_else(http: TestClient) -> None:
    answer = http.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    style = re.search(r"<style>(.*?)</style>", answer.text, re.S)
    assert style is not None
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["style-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()}'"
    assert set(policy) == {"default-src", "img-src", "base-uri", "form-action", "frame-ancestors", "style-src"}


def test_it_tells_every_operation_of_openapi_json(http: TestClient) -> None:
    text = http.get("/docs").text
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/api/token", "/api/info", "/healthz", "/readyz", "/metrics", "/api/rooms/{room}"} <= set(paths)
    assert "/docs" not in paths
    for path, methods in paths.items():
        for method, what in methods.items():
            assert f"<b>{method.upper()}</b> {path}</h2>" in text
            assert what["summary"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in text
    assert f"curl -X POST {ADDRESS}/api/token" in text
    assert "<code>404</code></th><td>Not Found</td>" in text
    assert re.search(r"<code>room</code></th><td>path</td><td>required</td>", text)


def test_the_guard_stands_before_it(http: TestClient) -> None:
    assert http.get("/docs", headers={"Host": "evil.example"}).status_code == 421
    assert http.get("/docs", headers={"Origin": "https://evil.example"}).status_code == 403


def test_what_the_description_says_is_text() -> None:
    attack = '"><img src=x onerror=alert(1)>'
    operation = {
        "summary": attack,
        "description": attack,
        "parameters": [{"name": attack, "in": "query", "description": attack}],
        "requestBody": {"content": {"application/json": {"schema": {"title": attack}}, attack: {}}},
        "responses": {"299": {"description": attack, "content": {attack: {"schema": {"$ref": f"#/components/schemas/{attack}"}}}}},
    }
    text = reference(
        {"info": {"title": attack}, "paths": {f"/{attack}": {"get": operation}}, "components": {"schemas": {attack: {}}}}, ADDRESS
    )
    assert "<img" not in text
    assert text.count("&lt;img") >= 12
