"""Workers that hear of each other, over a file."""

from __future__ import annotations

from pathlib import Path

from agent.aio import Tasks
from agent.config import Journal
from agent.sessions.roster import roster
from agent.transports.livekit_peers import Peers
from tests.transports.livekit_stage import until


def peers(path: Path, free: list[int], rooms: set[str]) -> Peers:
    return Peers(roster(Journal(url=f"sqlite:///{path}"), "visavis"), lambda: free[0], lambda: frozenset(rooms))


async def test_workers_hear_of_each_others_places_and_rooms(tmp_path: Path) -> None:
    file, tasks = tmp_path / "journal.sqlite3", Tasks("test")
    free, rooms = [3], {"a"}
    one, two = peers(file, free, rooms), peers(file, [1], set())
    running = tasks.start(one.run(), "one")
    tasks.start(two.run(), "two")
    await until(lambda: two.free == 3 and one.free == 1)
    assert (two.attends("a"), one.attends("a"), two.attends("b")) == (True, False, False)
    free[0] = 0
    rooms.add("b")
    one.changed()
    await until(lambda: two.attends("b") and two.free == 0)
    running.cancel()
    await one.aclose()
    await until(lambda: not two.attends("a"), 2.5, "the end of one, before it would be taken for dead")
    await tasks.aclose()
    await two.aclose()


async def test_without_a_store_there_are_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "no folder"
    folder.write_text("but a file")
    alone = peers(folder / "journal.sqlite3", [1], set())
    await alone.look()
    assert (alone.free, alone.attends("a")) == (0, False)
    await alone.aclose()
