"""Which packages and which Python are taken, and what is said when none fits."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from blender_msd.core.errors import Problem
from blender_msd.core.setup.locks import choose_lock, locks_for, normal, read_lock
from blender_msd.core.setup.machine import Accelerator, Machine, look
from blender_msd.core.setup.pythons import examine, find

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "server" / "locks"
CPU = Accelerator("cpu", "2 processor cores")
HERE = (sys.version_info[0], sys.version_info[1])


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*-*.txt")), ids=lambda path: path.stem)
def test_a_lock_names_its_pythons_and_sizes_and_has_a_hash_for_every_package(path: Path) -> None:
    lock = read_lock(path)
    text = path.read_text(encoding="utf-8")
    assert len(lock.packages) == len(re.findall(r"(?m)^[A-Za-z0-9._-]+==\S+( --hash=sha256:[0-9a-f]{64})+$", text))
    assert all(package.size for package in lock.packages)
    assert (3, 11) in lock.pythons, "the one inside Blender 4.2 to 5.0"
    assert lock.download == sum(package.size for package in lock.packages) < lock.installed


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*-*.txt")), ids=lambda path: path.stem)
def test_a_lock_has_the_versions_that_the_tests_run_with_and_each_has_a_licence(path: Path) -> None:
    tested = dict(
        line.split("==")
        for line in (ROOT / "server" / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    found = {package.name: package.version.split("+")[0] for package in read_lock(path).packages}
    assert {normal(name): version for name, version in tested.items()}.items() <= found.items()
    listed = (LOCKS / "LICENCES.txt").read_text(encoding="utf-8")
    assert not [name for name in found if not re.search(rf"(?m)^{re.escape(name)} ", listed)]


def test_the_best_accelerator_that_was_found_is_chosen_and_can_be_overruled() -> None:
    machine = Machine("linux-x86_64", (Accelerator("nvidia", "RTX 4070", 12 << 30, 590.1), CPU))
    assert choose_lock(LOCKS, machine).lock.name == "linux-x86_64-nvidia"
    assert choose_lock(LOCKS, machine, "cpu").lock.name == "linux-x86_64-cpu"
    assert not choose_lock(LOCKS, machine).note


@pytest.mark.parametrize(
    ("system", "accelerator", "code"),
    [
        ("linux-x86_64", Accelerator("nvidia", "RTX 4070", 12 << 30, 531.0), "driver-too-old"),
        ("linux-x86_64", Accelerator("amd", "Radeon"), "set-up-no-packages"),
        ("windows-x86_64", Accelerator("nvidia", "RTX 4070", 12 << 30, 590.1), "set-up-no-packages"),
    ],
)
def test_what_has_no_packages_is_refused_when_wanted_and_replaced_with_a_word_otherwise(
    system: str, accelerator: Accelerator, code: str
) -> None:
    machine = Machine(system, (accelerator, CPU))
    with pytest.raises(Problem) as caught:
        choose_lock(LOCKS, machine, accelerator.kind)
    assert caught.value.code == code
    choice = choose_lock(LOCKS, machine)
    assert choice.lock.accelerator == "cpu"
    assert caught.value.message in choice.note


@pytest.mark.parametrize("system", ["linux-arm64", "macos-x86_64", "windows-arm64", "freebsd-x86_64"])
def test_a_system_without_any_packages_is_told_what_else_there_is(system: str) -> None:
    assert not locks_for(LOCKS, system)
    with pytest.raises(Problem, match="server that you already have") as caught:
        choose_lock(LOCKS, Machine(system, (CPU,)))
    assert caught.value.code == "set-up-no-packages"


def test_graphics_cards_are_asked_of_their_own_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [found.kind for found in look().accelerators][-1] == "cpu"
    program(tmp_path, "nvidia-smi", "echo 'NVIDIA GeForce RTX 4070, 12282, 580.65.06'")
    listed = "  Marketing Name: AMD Ryzen\n  Device Type: CPU\n  Marketing Name: Radeon RX 7800\n  Device Type: GPU"
    program(tmp_path, "rocminfo", f"printf '{listed}\n'")
    nvidia, amd = look().accelerators[:2]
    assert nvidia == Accelerator("nvidia", "NVIDIA GeForce RTX 4070", 12282 << 20, 580.65)
    assert (amd.kind, amd.name) == ("amd", "Radeon RX 7800")


def test_a_driver_that_fails_or_talks_nonsense_is_no_graphics_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for text in ("echo 'NVIDIA-SMI has failed'; exit 9", "echo nonsense", "echo 'a, b, c'"):
        program(tmp_path, "nvidia-smi", text)
        assert look().accelerators[0].kind != "nvidia"


def test_the_python_inside_blender_comes_first_and_it_is_said_which(tmp_path: Path) -> None:
    found = find([HERE], Path(sys.executable))
    assert found.path == Path(sys.executable)
    assert "inside Blender" in str(found)


def test_where_blender_has_none_one_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mit Leerzeichen ü"
    folder.mkdir()
    (folder / f"python{HERE[0]}.{HERE[1]}").symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setenv("PATH", str(folder))
    broken = program(tmp_path, "python3.99", "exit 1")
    found = find([HERE], broken)
    assert found.path.parent == folder
    assert "found on this computer" in str(found)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('[[3, 9, 1], "CPython", 8, []]', "too old"),
        ('[[2, 7, 1], "CPython", 8, []]', "too old"),
        ('[[3, 99, 0], "CPython", 8, []]', "made for"),
        (f'[[{HERE[0]}, {HERE[1]}, 1], "PyPy", 8, []]', "PyPy"),
        (f'[[{HERE[0]}, {HERE[1]}, 1], "CPython", 4, []]', "32-bit"),
        (f'[[{HERE[0]}, {HERE[1]}, 1], "CPython", 8, ["ensurepip"]]', "-venv"),
        ("hello", "no Python"),
    ],
)
def test_a_python_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, answer: str, said: str) -> None:
    path = program(tmp_path, "python", f"echo '{answer}'")
    with pytest.raises(Problem, match=said) as caught:
        examine(path, [HERE])
    assert caught.value.code == "python-unfit"
    with pytest.raises(Problem, match=said):
        find([HERE], Path(sys.executable), picked=path)


def test_a_folder_and_a_file_that_is_not_there_are_no_python(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(Problem) as caught:
            examine(path)
        assert caught.value.code == "python-unfit"
