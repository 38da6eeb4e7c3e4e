import pytest

from infra.supported import SUPPORTED, Machine, refusal, this_machine


@pytest.mark.parametrize(
    "machine",
    [
        Machine("linux", "x86_64", glibc=(2, 34)),
        Machine("linux", "x86_64", glibc=(2, 41)),
        Machine("linux", "amd64", glibc=(3, 0)),
        Machine("linux", "aarch64", glibc=(2, 28)),
        Machine("linux", "arm64", glibc=(2, 36)),
        Machine("darwin", "arm64", macos=(14, 0)),
        Machine("darwin", "arm64", macos=(15, 3)),
    ],
)
def test_supported_machines_are_let_through(machine: Machine) -> None:
    assert refusal(machine) is None


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (Machine("linux", "x86_64", glibc=(2, 31)), "glibc 2.31, and 2.34 is needed"),
        (Machine("linux", "aarch64", glibc=(2, 27)), "glibc 2.27, and 2.28 is needed"),
        (Machine("linux", "x86_64", glibc=None), "another C library"),
        (Machine("linux", "riscv64", glibc=(2, 40)), "no packages for Linux on riscv64"),
        (Machine("linux", "i686", glibc=(2, 40)), "no packages for Linux on i686"),
        (Machine("darwin", "arm64", macos=(13, 6)), "macOS 13.6"),
        (Machine("darwin", "x86_64", macos=(15, 0)), "Intel processor"),
        (Machine("win32", "amd64"), "WSL2"),
        (Machine("freebsd14", "amd64"), "freebsd14"),
    ],
)
def test_others_are_refused_with_the_reason_and_what_is_supported(machine: Machine, reason: str) -> None:
    text = refusal(machine)
    assert text is not None
    assert reason in text
    assert SUPPORTED in text


def test_the_machine_that_runs_the_tests_is_described() -> None:
    machine = this_machine()
    assert machine.system in ("linux", "darwin")
    assert machine.glibc is not None or machine.macos >= (14, 0)
    assert refusal(machine) is None
