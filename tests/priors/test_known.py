"""What is known of the models without waiting for a disk, and how it is kept up to date."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from slow_folder import release, write_slow_model
from tiny_pipeline import write_pipeline
from tiny_single_file import write_single_file

from server.priors import known
from server.priors.known import KnownPriors, Seen
from server.priors.stamps import Memory

OPENED: list[str] = []


def _note_opened_files(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        OPENED.append(os.fsdecode(arguments[0]))


# Whatever way a file is opened by; such a hook stays for as long as the process.
sys.addaudithook(_note_opened_files)


pytestmark = pytest.mark.usefixtures("no_hub_cache")


@pytest.fixture
def know(no_hub_cache: None) -> Iterator[Callable[..., KnownPriors]]:
    started = []

    def start(*folders: Path) -> KnownPriors:
        started.append(KnownPriors(folders))
        return started[-1]

    yield start
    for priors in started:
        priors.stop()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with a diffusers model, a checkpoint with its vocabulary, and one that cannot be used."""
    folder = tmp_path / "models"
    write_pipeline(folder / "a folder")
    write_single_file(folder / "b file.safetensors", "sd1")
    (folder / "c broken.safetensors").write_bytes(b"nothing")
    return folder


def wait_for(priors: KnownPriors, condition: Callable[[Seen], object]) -> Seen:
    ends = time.monotonic() + 60
    while not condition(seen := priors.seen()):
        assert time.monotonic() < ends, f"waited in vain: {seen}"
        time.sleep(0.01)
    return seen


def settled(priors: KnownPriors) -> Seen:
    return wait_for(priors, lambda seen: seen.taken is not None and not seen.refreshing)


def look_again(priors: KnownPriors) -> Seen:
    assert priors.seen(refresh=True).refreshing
    return settled(priors)


def titles(seen: Seen) -> list[str]:
    return [prior.title for prior in seen.priors[2:]]


def opened_in(folder: Path) -> set[str]:
    """Parts of the models in `folder` that were opened since the last call."""
    found = {Path(name).relative_to(folder).parts[0] for name in OPENED if name.startswith(f"{folder}{os.sep}")}
    OPENED.clear()
    return found


def test_the_first_answer_does_not_wait_for_a_disk_and_says_that_more_will_come(know: Any, tmp_path: Path) -> None:
    slow = write_slow_model(tmp_path / "models" / "slow")
    seen = know(tmp_path / "models").seen()
    assert [prior.name for prior in seen.priors] == ["embedded", "exact"]
    assert (seen.taken, seen.refreshing) == (None, True)
    release(slow)


def test_what_was_found_before_a_disk_hangs_is_known_and_the_rest_follows(
    know: Any, models: Path, tmp_path: Path
) -> None:
    slow = write_slow_model(models / "b slow")
    priors = know(models)
    seen = wait_for(priors, lambda seen: len(seen.priors) == 4)
    assert (titles(seen), seen.taken, seen.refreshing) == (["a folder", "b file"], None, True)
    release(slow)
    assert titles(settled(priors)) == ["a folder", "b file", "b slow", "c broken"]


def test_a_folder_that_hangs_holds_up_no_other(know: Any, models: Path, tmp_path: Path) -> None:
    slow = write_slow_model(tmp_path / "network drive" / "slow")
    priors = know(slow.parent, models)
    wait_for(priors, lambda seen: len(seen.priors) == 5)
    (models / "d new.ckpt").write_bytes(b"")
    priors.seen(refresh=True)
    seen = wait_for(priors, lambda seen: len(seen.priors) == 6)
    assert (seen.taken, seen.refreshing) == (None, True)
    release(slow)


def test_it_says_when_it_was_taken(know: Any, models: Path) -> None:
    before = time.time()
    priors = know(models)
    first = settled(priors).taken
    assert before <= first <= time.time()
    assert look_again(priors).taken > first


def test_an_unchanged_file_is_not_opened_again_and_a_changed_one_is(know: Any, models: Path) -> None:
    OPENED.clear()
    priors = know(models)
    first = settled(priors)
    assert opened_in(models) >= {"a folder", "b file.safetensors", "c broken.safetensors"}

    # What was unusable may have been so by the disk's fault: it is looked at again by whoever asks for it.
    assert look_again(priors).priors == first.priors
    assert opened_in(models) == {"c broken.safetensors"}

    changed = models / "b file.safetensors"
    os.utime(changed, ns=(0, changed.stat().st_mtime_ns + 1))
    look_again(priors)
    assert opened_in(models) == {"b file.safetensors", "c broken.safetensors"}


def test_a_look_that_nobody_asked_for_opens_nothing_that_is_unchanged(
    know: Any, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    priors = know(models)
    settled(priors)
    opened_in(models)
    monkeypatch.setattr(known, "FRESH_S", 0.0)
    before = time.time()
    wait_for(priors, lambda seen: seen.taken > before)
    assert opened_in(models) == set()


def test_a_change_shows_in_what_is_said(know: Any, models: Path) -> None:
    priors = know(models)
    assert [prior.usable for prior in settled(priors).priors[2:]] == [True, True, False]
    (models / "a folder" / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}), encoding="utf-8")
    (models / "a folder" / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    (models / "b file.safetensors").write_bytes(b"damaged")
    (models / "c broken.safetensors").unlink()
    (models / "d new.ckpt").write_bytes(b"pickle")
    seen = look_again(priors)
    assert titles(seen) == ["a folder", "b file", "d new"]
    assert not any(prior.usable for prior in seen.priors[2:])
    assert "FluxPipeline" in seen.priors[2].why_not
    assert seen.priors[2].licence == "mit"


@pytest.mark.parametrize("part", ["unet/config.json", "tokenizer/vocab.json", "vae"])
def test_every_part_of_a_model_counts_as_its_file(know: Any, models: Path, part: str) -> None:
    priors = know(models / "a folder")
    assert settled(priors).priors[2].usable
    (models / "a folder" / part).rename(models / "gone")
    assert not look_again(priors).priors[2].usable
    (models / "gone").rename(models / "a folder" / part)
    assert look_again(priors).priors[2].usable


def test_a_vocabulary_that_appears_makes_a_checkpoint_usable_without_touching_it(
    know: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    write_single_file(folder / "art.safetensors", "sd1")
    (folder / "tokenizer").rename(tmp_path / "elsewhere")
    priors = know(folder)
    assert "vocabulary" in settled(priors).priors[2].why_not
    (tmp_path / "elsewhere").rename(folder / "tokenizer")
    monkeypatch.setattr(known, "FRESH_S", 0.0)
    assert wait_for(priors, lambda seen: seen.priors[2].usable)


def test_what_changes_behind_a_look_is_seen_by_another_one(know: Any, models: Path) -> None:
    slow = write_slow_model(models / "b slow")
    priors = know(models)
    wait_for(priors, lambda seen: len(seen.priors) == 4)
    (models / "a folder" / "model_index.json").write_text("{}", encoding="utf-8")
    priors.seen(refresh=True)
    release(slow)
    assert not settled(priors).priors[2].usable


def test_a_place_with_very_many_models_is_cut_short_and_says_so(
    know: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MOST_MODELS", 3)
    for number in range(5):
        (tmp_path / f"{number}.ckpt").write_bytes(b"")
    seen = settled(know(tmp_path))
    assert titles(seen) == ["0", "1", "2", "More models"]
    assert f"Only the first 3 models in {tmp_path}" in seen.priors[-1].why_not


def test_only_the_models_of_the_last_look_are_remembered(tmp_path: Path) -> None:
    memory = Memory()
    for number in range(3):
        memory.begin(look_at_unusable=False)
        (tmp_path / str(number)).mkdir()
        memory.recall(tmp_path / str(number), lambda: None)  # type: ignore[arg-type, return-value]
        memory.end()
        assert list(memory._kept) == [tmp_path / str(number)]


def test_a_folder_that_cannot_be_read_is_said_and_found_when_it_is_there(know: Any, tmp_path: Path) -> None:
    priors = know(tmp_path / "later")
    assert "later" in settled(priors).priors[2].why_not
    write_pipeline(tmp_path / "later" / "tiny")
    assert titles(look_again(priors)) == ["tiny"]


def looking() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("priors in")]


def test_no_thread_is_left_after_a_look_nor_after_the_end(models: Path, tmp_path: Path) -> None:
    priors = KnownPriors([models])
    settled(priors)
    priors.stop()
    assert looking() == []
    assert not priors.seen(refresh=True).refreshing

    slow = write_slow_model(models / "b slow")
    stopped = KnownPriors([models])
    wait_for(stopped, lambda seen: len(seen.priors) == 4)
    stopped.stop()  # does not wait for the disk
    release(slow)
    ends = time.monotonic() + 60
    while looking():
        assert time.monotonic() < ends
        time.sleep(0.01)
    assert titles(stopped.seen()) == ["a folder", "b file"]
