import json
import socket
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from livekit import api

from infra.console import Failure
from infra.livekit_server import Keys, LiveKitServer, Ports, configuration, environment, running
from infra.paths import ROOT
from infra.ports import is_free

BASE = {"port": 7880, "rtc": {"udp_port": 7882, "stun_servers": ["127.0.0.1:7882"], "tcp_port": 0}, "bind_addresses": ["0.0.0.0"]}


def test_other_ports_are_put_everywhere_and_loopback_stays() -> None:
    config = configuration(BASE, Ports(1111, 2222))
    assert config == {
        "port": 1111,
        "rtc": {"udp_port": 2222, "stun_servers": ["127.0.0.1:2222"], "tcp_port": 0},
        "bind_addresses": ["127.0.0.1"],
    }
    assert BASE["port"] == 7880
    assert Ports.of(BASE) == Ports(7880, 7882)
    assert Ports.of({}) == Ports(7880, 7882)


def test_keys_go_through_the_environment_and_are_not_shown() -> None:
    keys = Keys.new()
    assert len(keys.api_secret) >= 32
    assert keys != Keys.new()
    assert keys.api_secret not in repr(keys)
    env = environment({"PATH": "/bin"}, {"port": 1}, keys)
    assert env["LIVEKIT_KEYS"] == f"{keys.api_key}: {keys.api_secret}"
    assert json.loads(env["LIVEKIT_CONFIG"]) == {"port": 1}


def test_the_committed_configuration_is_for_loopback_and_has_no_keys() -> None:
    config = yaml.safe_load((ROOT / "livekit.yaml").read_text())
    assert config["bind_addresses"] == ["127.0.0.1"]
    assert config["rtc"]["use_external_ip"] is False
    assert all(server.startswith("127.0.0.1:") for server in config["rtc"]["stun_servers"])
    assert "keys" not in config


@pytest.mark.livekit
async def test_the_server_takes_its_keys(livekit_server: LiveKitServer) -> None:
    async with api.LiveKitAPI(livekit_server.url, livekit_server.keys.api_key, livekit_server.keys.api_secret) as client:
        created = await client.room.create_room(api.CreateRoomRequest(name="fixture"))
        assert created.name == "fixture"
        assert [room.name for room in (await client.room.list_rooms(api.ListRoomsRequest(names=["fixture"]))).rooms] == ["fixture"]
        await client.room.delete_room(api.DeleteRoomRequest(room="fixture"))


@pytest.mark.livekit
@pytest.mark.parametrize("wrong", ["secret", "key"])
async def test_the_server_refuses_wrong_keys(livekit_server: LiveKitServer, wrong: str) -> None:
    right, other = livekit_server.keys, Keys.new()
    key, secret = (right.api_key, other.api_secret) if wrong == "secret" else (other.api_key, right.api_secret)
    async with api.LiveKitAPI(livekit_server.url, key, secret) as client:
        with pytest.raises(api.ServerError) as refused:
            await client.room.list_rooms(api.ListRoomsRequest())
        assert refused.value.status == 401


@pytest.mark.livekit
@pytest.mark.skipif(sys.platform != "linux", reason="reads the command line from /proc")
def test_the_secret_is_not_on_the_command_line(livekit_server: LiveKitServer) -> None:
    command = Path(f"/proc/{livekit_server.child.pid}/cmdline").read_bytes()
    assert command
    assert livekit_server.keys.api_secret.encode() not in command
    assert not any(livekit_server.keys.api_secret in line for line in livekit_server.child.last_words)


@pytest.mark.livekit
async def test_the_server_is_reached_through_loopback_only(livekit_server: LiveKitServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; tells the address that other machines would see
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    port = int(livekit_server.url.rsplit(":", 1)[1])
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{address}:{port}/")


@pytest.mark.livekit
async def test_a_server_ends_with_its_block_and_frees_its_port(livekit_server: LiveKitServer) -> None:
    program = _program()
    ports = Ports.free()
    base = yaml.safe_load((ROOT / "livekit.yaml").read_text())
    async with running(program, configuration(base, ports), Keys.new()) as server:
        assert server.child.returncode is None
        assert not is_free(ports.http)
    assert server.child.returncode is not None
    assert ports.are_free()


@pytest.mark.livekit
async def test_a_configuration_that_is_wrong_is_told_in_the_servers_words() -> None:
    config = {**configuration({}, Ports.free()), "no_such_setting": 1}
    with pytest.raises(Failure, match="no_such_setting"):
        async with running(_program(), config, Keys.new()):
            pass


@pytest.mark.livekit
async def test_a_port_in_use_is_told_and_nobody_elses_server_is_taken_for_ours(livekit_server: LiveKitServer) -> None:
    taken = int(livekit_server.url.rsplit(":", 1)[1])
    with pytest.raises(Failure, match="in use"):
        async with running(_program(), configuration({}, Ports(taken, Ports.free().media)), Keys.new()):
            pass


async def test_a_program_that_never_answers_is_ended(tmp_path: Path) -> None:
    silent = tmp_path / "server"
    silent.write_text("#!/bin/sh\necho starting\nexec sleep 60\n")
    silent.chmod(0o755)
    with pytest.raises(Failure, match=r"(?s)does not answer on port .* starting"):
        async with running(silent, configuration({}, Ports.free()), Keys.new(), ready_seconds=3):
            pass


def _program() -> Path:
    from infra.livekit_install import ensure

    return ensure()
