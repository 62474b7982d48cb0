"""A model is another one once any of its files was changed."""

from __future__ import annotations

import os
from pathlib import Path

from server.priors.catalogue import KnownPriors
from server.priors.identity import identity_of
from tests.priors.tiny_families import write_model
from tests.priors.tiny_single_file import write_single_file


def test_those_that_ship_are_themselves_and_no_other() -> None:
    known = KnownPriors()
    embedded, exact = (identity_of(name, [], known) for name in ("embedded", "exact"))
    assert embedded
    assert exact
    assert embedded != exact
    assert identity_of("embedded", [], KnownPriors()) == embedded


def test_a_folder_and_a_single_file_are_others_once_they_are_changed(tmp_path: Path) -> None:
    known = KnownPriors()
    folder, single = write_model(tmp_path / "model", "sd1"), write_single_file(tmp_path / "one.safetensors", "sd1")
    weights = next(Path(folder).glob("unet/*.safetensors"))
    for name, file in ((str(folder), weights), (str(single), Path(single))):
        before = identity_of(name, [], known)
        assert identity_of(name, [], known) == before
        os.utime(file, ns=(1, 1))
        assert identity_of(name, [], known) != before


def test_a_lora_belongs_to_it(tmp_path: Path) -> None:
    known, name = KnownPriors(), str(write_model(tmp_path / "model", "sd1"))
    lora = tmp_path / "lora.safetensors"
    lora.write_bytes(b"one")
    without, first = identity_of(name, [], known), identity_of(name, [f"{lora}:1"], known)
    lora.write_bytes(b"another")
    assert len({without, first, identity_of(name, [f"{lora}:1"], known)}) == 3


def test_nothing_is_told_of_a_model_that_is_not_here_yet() -> None:
    assert identity_of("hub:nobody/nothing", [], KnownPriors()) == ""
