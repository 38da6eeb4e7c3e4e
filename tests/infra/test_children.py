import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from infra.children import LAST_WORDS, LONGEST_LINE, Child
from tests.fixtures.aio import eventually

PYTHON = sys.executable


async def _child(script: str, lines: list[str] | None = None) -> Child:
    return await Child.start("child", [PYTHON, "-uc", script], env=dict(os.environ), on_line=None if lines is None else lines.append)


async def test_both_outputs_are_told_line_by_line() -> None:
    lines: list[str] = []
    child = await _child(
        r"import sys; print('one'); print('zwei ü'); print('half\rdone\n', file=sys.stderr); sys.stdout.write('rest')", lines
    )
    assert await child.wait() == 0
    assert lines == ["one", "zwei ü", "half", "done", "rest"]
    assert list(child.last_words) == lines


async def test_what_is_remembered_is_bounded() -> None:
    child = await _child(f"print('x' * {3 * LONGEST_LINE}); [print(n) for n in range(200)]")
    await child.wait()
    assert list(child.last_words) == [str(n) for n in range(200 - LAST_WORDS, 200)]


async def test_bytes_that_are_no_text_do_no_harm() -> None:
    child = await _child(r"import os; os.write(1, b'a\xff\xfeb\n' + b'\xe4\xbd'); os.write(1, b'\xa0\n')")
    await child.wait()
    assert list(child.last_words) == ["a��b", "你"]


async def test_a_polite_child_is_asked_once() -> None:
    lines: list[str] = []
    script = "import signal, sys; signal.signal(15, lambda *_: (print('bye'), sys.exit(3))); print('up'); signal.pause()"
    child = await _child(script, lines)
    await eventually(lambda: lines, "the child is up")
    assert await child.stop() == 3
    assert lines == ["up", "bye"]


async def test_one_that_waits_for_its_clients_is_asked_twice() -> None:
    script = "import signal, sys, time; n = []; signal.signal(15, lambda *_: n.append(1) or len(n) > 1 and sys.exit(4)); print('up')\nwhile 1: signal.pause()"
    lines: list[str] = []
    child = await _child(script, lines)
    await eventually(lambda: lines, "the child is up")
    assert await child.stop(insist_after_seconds=0.2, kill_after_seconds=10) == 4


async def test_a_deaf_one_is_killed() -> None:
    lines: list[str] = []
    child = await _child("import signal; signal.signal(15, signal.SIG_IGN); print('up')\nwhile 1: signal.pause()", lines)
    await eventually(lambda: lines, "the child is up")
    assert await child.stop(insist_after_seconds=0.1, kill_after_seconds=0.3) == -signal.SIGKILL


async def test_stopping_one_that_has_ended_returns_how_it_ended() -> None:
    child = await _child("raise SystemExit(7)")
    assert await child.wait() == 7
    assert await child.stop() == 7


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await Child.start("child", ["/nowhere/program"], env={})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of one that was killed")
async def test_children_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from infra.children import Child\n"
        "async def main():\n"
        "    child = await Child.start('child', [sys.executable, '-c', 'import time; time.sleep(60)'], env=dict(os.environ))\n"
        "    print(child.pid)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    parent = await asyncio.create_subprocess_exec(PYTHON, "-uc", script, cwd=root, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    grandchild = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await eventually(lambda: not _lives(grandchild), "the grandchild has ended")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False
