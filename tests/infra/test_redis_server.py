from pathlib import Path

import pytest

from infra import redis_server
from infra.console import Failure


def _program(path: Path, *, works: bool = True) -> Path:
    path.write_text(f"#!/bin/sh\necho {'Redis server v=7.0' if works else 'a checker of files'}\n")
    path.chmod(0o755)
    return path


def test_a_server_that_runs_is_found_on_the_path(tmp_path: Path) -> None:
    environ, link = {"PATH": str(tmp_path)}, tmp_path / "link" / "redis-server"
    assert redis_server.find(environ, link) is None
    _program(tmp_path / "redis-server", works=False)
    assert redis_server.find(environ, link) is None
    works = _program(tmp_path / "redis-server")
    assert redis_server.find(environ, link) == str(works)


def test_debians_other_name_for_it_is_called_by_its_own(tmp_path: Path) -> None:
    environ, link = {"PATH": str(tmp_path)}, tmp_path / "link" / "redis-server"
    other = tmp_path / redis_server.OTHER_NAME
    other.write_text('#!/bin/sh\ncase "$0" in *redis-server) echo Redis server v=7.0 ;; esac\n')
    other.chmod(0o755)
    assert redis_server.find(environ, link) == redis_server.find(environ, link) == str(link)
    assert link.resolve() == other.resolve()


def test_the_one_that_is_named_is_taken_or_nothing(tmp_path: Path) -> None:
    _program(tmp_path / "redis-server")
    mine = _program(tmp_path / "mine")
    environ = {"PATH": str(tmp_path), "VISAVIS_REDIS_SERVER": str(mine)}
    assert redis_server.find(environ) == str(mine)
    with pytest.raises(Failure, match="VISAVIS_REDIS_SERVER"):
        redis_server.find({**environ, "VISAVIS_REDIS_SERVER": str(tmp_path / "missing")})


def test_what_is_lacking_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "find", lambda: "/bin/redis-server")
    assert redis_server.lacking() is None
    monkeypatch.setattr(redis_server, "find", lambda: None)
    assert "apt-get install redis-tools" in str(redis_server.lacking())


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    dies = tmp_path / "redis-server"
    dies.write_text(f"#!/bin/sh\necho it is too tired > {tmp_path}/redis.log\nexit 1\n")
    dies.chmod(0o755)
    with pytest.raises(Failure, match="too tired"):
        redis_server.RedisServer(str(dies), tmp_path).start()
