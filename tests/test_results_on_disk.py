"""Results are never lost: a file that cannot be written is refused before the work, or the result is kept elsewhere."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from server.commands.main import main
from server.errors import JobFailed
from server.files import MOST_BYTES, beside, save_results, write_bytes, write_together
from server.priors.catalogue import load_prior
from server.recipe import read_recipe
from server.studio.events import Log, Progress
from server.studio.production import produce

TEXTURE = ["texture", "red bricks", "--prior", "exact", "--steps", "2", "--size", "32", "--render-size", "16"]
MESH = ["mesh", "a red ball", "--prior", "exact", "--steps", "60", "--render-size", "24"]
MESH += ["--resolution", "24", "--faces", "500", "--texture-size", "64"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    code = main([*arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Names that cannot become files, whoever asks."""
    (tmp_path / "file").write_bytes(b"precious")
    for ending in ("glb", "obj", "png", "npz", "safetensors"):
        (tmp_path / f"folder.{ending}").mkdir()
        (tmp_path / f"dangling.{ending}").symlink_to(tmp_path / "gone" / f"x.{ending}")
        os.mkfifo(tmp_path / f"pipe.{ending}")
    (tmp_path / "neighbour.mtl").mkdir()
    return tmp_path


PLACES = ["folder", "file/inside", "dangling", "pipe", "w" * 260, "w" * 260 + "/inside"]
COMMANDS = [
    ("glb", ["mesh", "a red ball"], "--out"),
    ("obj", ["mesh", "a red ball"], "--out"),
    ("safetensors", ["mesh", "a red ball"], "--field"),
    ("png", ["texture", "red bricks"], "--out"),
    ("png", ["sample", "a blue mug"], "--out"),
    ("safetensors", ["lab", "train"], "--weights"),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[:12])
@pytest.mark.parametrize(("ending", "command", "option"), COMMANDS, ids=lambda each: each if each else None)
def test_a_file_that_could_not_be_written_is_refused_before_the_first_step(
    place: str,
    ending: str,
    command: list[str],
    option: str,
    places: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(places)
    code, said, told = run(capsys, *command, option, f"{places / place}.{ending}")
    assert (code, said["error"]["code"]) == (2, "out-not-writable")
    assert len(told.strip().splitlines()) == 1
    assert (places / "file").read_bytes() == b"precious"
    assert not [path for path in places.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["neighbour.obj", "w" * 245 + ".obj"])
def test_a_mesh_whose_neighbours_names_are_taken_or_too_long_finds_others(
    name: str, places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, told = run(capsys, *MESH, "--out", str(places / name))
    assert code == 0, told
    library = next(line for line in (places / name).read_text(encoding="utf-8").splitlines() if "mtllib" in line)
    assert (places / library.split()[1]).is_file()
    assert (places / "neighbour.mtl").is_dir()


@pytest.mark.parametrize(
    "command",
    [
        ["lab", "table1", "--out"],
        ["lab", "all", "--out"],
        ["lab", "train", "--out"],
        ["train-prior", "--out"],
        ["evaluate", "shapes", "--pictures"],
        ["evaluate", "prior", "--pictures"],
        ["evaluate", "prior", "--cache"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("place", ["file", "file/inside", "w" * 260], ids=lambda place: place[:12])
def test_a_folder_that_could_not_be_written_into_is_refused_before_the_first_step(
    place: str, command: list[str], places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, _ = run(capsys, *command, str(places / place))
    assert (code, said["error"]["code"]) == (2, "out-not-writable")


@pytest.mark.parametrize("place", ["file", "file/inside", "w" * 260], ids=lambda place: place[:12])
def test_a_server_says_why_it_cannot_use_a_folder(place: str, places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--data-dir", str(places / place)]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_names_as_long_as_a_disk_allows_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("w" * 241 + ".png", "w" * 251 + ".png", "砖" * 83 + ".png"):
        out = tmp_path / name
        code, _, told = run(capsys, *TEXTURE, "--out", str(out))
        assert code == 0, told
        assert Image.open(out).size == (32, 32)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_stays_a_link_to_the_new_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    code, _, told = run(capsys, *TEXTURE, "--out", str(tmp_path / "link.png"))
    assert code == 0, told
    assert (tmp_path / "link.png").is_symlink()
    assert Image.open(tmp_path / "real.png").size == (32, 32)


@pytest.mark.parametrize(
    ("command", "ending"), [(MESH, "glb"), (MESH, "obj"), (TEXTURE, "png")], ids=["glb", "obj", "png"]
)
def test_a_result_that_finds_its_place_taken_at_the_end_is_kept_and_named(
    command: list[str],
    ending: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from server.studio import assignment

    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    out = tmp_path / f"thing.{ending}"

    class Occupying:
        """A progress bar beside which somebody makes a folder where the result should go."""

        def __enter__(self) -> Occupying:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __call__(self, event: object) -> None:
            if isinstance(event, Progress) and event.phase in ("Shaping", "Painting"):
                out.mkdir(exist_ok=True)

    monkeypatch.setattr("server.commands.making.ProgressBar", Occupying)
    code, said, _ = run(capsys, *command, "--out", str(out))
    assert (code, said["error"]["code"]) == (1, "out-not-writable")
    (kept,) = (tmp_path / "temporary").iterdir()
    assert str(kept) in said["error"]["next"]
    assert all(path.stat().st_size for path in kept.iterdir())
    assert (kept / out.name).is_file()
    if ending == "obj":
        names = ["thing-albedo.png", "thing-normal.exr", "thing-normal.png", "thing.mtl", "thing.obj"]
        assert sorted(path.name for path in kept.iterdir()) == names
    # The run can go on, too.
    assert list(beside(out, ".unfinished").glob("*.safetensors")) or command is TEXTURE
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.endswith(".part")) == []


def test_files_of_one_result_are_written_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    with pytest.raises(OSError, match="Is a directory"):
        write_together({tmp_path / "one": b"new", tmp_path / "two": b"new", tmp_path: b"new"})
    assert (tmp_path / "one").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may become larger than 1000 bytes, which the system says as it says that a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_full_disk_cuts_short_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"old")
    with pytest.raises(JobFailed) as caught, full_disk():
        save_results({tmp_path / "x": bytes(5000)}, "Ask again.")
    assert caught.value.code == "disk-full"
    assert "Ask again." in caught.value.hint
    assert str(tmp_path / "x") in caught.value.message
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_run_whose_state_cannot_be_kept_goes_on_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.studio import assignment

    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)
    (tmp_path / "unfinished").write_bytes(b"")
    small = {"texture": {"width": 32, "height": 32}, "render_size": 16, "steps": 60}
    recipe = read_recipe({"kind": "texture", "prompt": "red bricks", "prior": "exact", **small})
    events: list[Any] = []
    report = produce(
        recipe, load_prior("exact"), tmp_path / "made", events.append, lambda: None, unfinished=tmp_path / "unfinished"
    )
    assert report["steps"] == 60
    assert len([event for event in events if isinstance(event, Log) and "cannot be kept" in event.message]) == 1
    assert Image.open(tmp_path / "made" / "texture.png").size == (32, 32)


def test_hidden_neighbours_fit_beside_every_name(tmp_path: Path) -> None:
    assert beside(tmp_path / "cube.glb", ".unfinished").name == ".cube.glb.unfinished"
    names = {beside(tmp_path / ("w" * n + ".glb"), ".unfinished").name for n in range(200, 252)}
    assert len(names) == 52
    assert max(map(len, names)) <= MOST_BYTES
