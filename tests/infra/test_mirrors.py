from pathlib import Path

from infra.mirrors import for_pip, for_uv, pip_files, pip_options, uv_files

INDEX = "https://user:secret@mirror.example/simple"


def _file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_pips_variables_reach_uv() -> None:
    options = pip_options({"PIP_INDEX_URL": INDEX, "PIP_CERT": "/ca.pem", "PIP_DEFAULT_TIMEOUT": "60", "PIP_TIMEOUT": "90"}, [])
    assert for_uv({"HOME": "/h"}, options) == {
        "HOME": "/h",
        "UV_DEFAULT_INDEX": INDEX,
        "SSL_CERT_FILE": "/ca.pem",
        "UV_HTTP_TIMEOUT": "90",
    }


def test_pips_default_timeout_is_known_by_both_its_names() -> None:
    assert pip_options({"PIP_DEFAULT_TIMEOUT": "60"}, [])["timeout"] == "60"


def test_a_later_file_and_a_variable_win(tmp_path: Path) -> None:
    first = _file(tmp_path / "a", "[global]\nindex-url = https://a.example/simple\ntrusted_host = a.example\n")
    second = _file(tmp_path / "b", "[global]\nindex-url = https://b.example/simple\n[install]\nindex-url = https://c.example/simple\n")
    broken = _file(tmp_path / "c", "no section\n")
    files = [first, second, broken, tmp_path / "missing"]
    assert pip_options({}, files) == {"index-url": "https://c.example/simple", "trusted-host": "a.example"}
    assert pip_options({"PIP_INDEX_URL": INDEX}, files)["index-url"] == INDEX


def test_a_percent_sign_in_a_password_is_taken_as_it_is(tmp_path: Path) -> None:
    file = _file(tmp_path / "a", "[global]\nindex-url = https://u:p%40ss@a.example/simple\n")
    assert pip_options({}, [file])["index-url"] == "https://u:p%40ss@a.example/simple"


def test_uvs_own_settings_win() -> None:
    options = {"index-url": INDEX, "cert": "/pip.pem", "extra-index-url": "https://x.example/simple", "proxy": "http://proxy.example:1"}
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        environ = {name: "https://uv.example/simple", "SSL_CERT_FILE": "/own.pem", "HTTPS_PROXY": "http://own.example:2"}
        assert for_uv(environ, options) == {**environ, "UV_INDEX": "https://x.example/simple"}
    assert for_uv({}, options, uv_has_its_own=True) == {"SSL_CERT_FILE": "/pip.pem", "HTTPS_PROXY": "http://proxy.example:1"}


def test_several_extra_indexes_and_folders_of_wheels(tmp_path: Path) -> None:
    options = {
        "extra-index-url": "https://a.example\n  https://b.example",
        "find-links": f"{tmp_path} {tmp_path}/missing https://c.example/w",
    }
    assert for_uv({}, options) == {"UV_INDEX": "https://a.example https://b.example", "UV_FIND_LINKS": f"{tmp_path},https://c.example/w"}
    assert for_uv({}, {"find-links": f"{tmp_path}/missing"}) == {}


def test_uvs_index_reaches_pip_where_pip_has_none() -> None:
    assert for_pip({"UV_INDEX_URL": INDEX})["PIP_INDEX_URL"] == INDEX
    assert for_pip({"UV_DEFAULT_INDEX": INDEX, "PIP_INDEX_URL": "https://pip.example"})["PIP_INDEX_URL"] == "https://pip.example"
    assert "PIP_INDEX_URL" not in for_pip({})


def test_where_the_configuration_files_are(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert pip_files({**home, "PIP_CONFIG_FILE": "/dev/null"}, "linux") == []
    linux = pip_files({**home, "PIP_CONFIG_FILE": "/mine.conf"}, "linux")
    assert linux[-2:] == [tmp_path / ".config/pip/pip.conf", Path("/mine.conf")]
    assert linux[0] == Path("/etc/xdg/pip/pip.conf")
    assert tmp_path / ".config/pip/pip.conf" in pip_files(home, "darwin")
    (tmp_path / "Library/Application Support/pip").mkdir(parents=True)
    assert pip_files(home, "darwin")[-1] == tmp_path / "Library/Application Support/pip/pip.conf"
    assert uv_files({**home, "UV_CONFIG_FILE": "/uv.toml"})[0] == Path("/uv.toml")
