"""What the listing calls usable loads; what would not load is refused before a job starts, naming the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from server.errors import BadRequest
from server.priors.catalogue import check_prompt, list_priors, load_prior
from tests.priors import broken_models
from tests.priors.broken_models import BROKEN_FILES, BROKEN_FOLDERS, ODD_FILES, ODD_FOLDERS
from tests.priors.tiny_families import LAYOUTS, write_model
from tests.priors.tiny_pipeline import write_pipeline
from tests.priors.tiny_single_file import write_single_file

pytestmark = pytest.mark.usefixtures("no_hub_cache")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_single_file(tmp_path_factory.mktemp("file") / "art.safetensors", "sd1")


@pytest.fixture(scope="module")
def whole_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pipeline(tmp_path_factory.mktemp("folder"))


@pytest.fixture
def file(whole_file: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole_file.parent, tmp_path / "models") / whole_file.name


@pytest.fixture
def folder(whole_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole_folder, tmp_path / "models" / "tiny")


def check_is_refused(path: Path) -> None:
    (listed,) = [prior for prior in list_priors([path]) if prior.path == path]
    assert not listed.usable
    for ask in (lambda: check_prompt(str(path), "a duck", "mesh"), lambda: load_prior(str(path))):
        with pytest.raises(BadRequest) as caught:
            ask()
        assert caught.value.code == "prior-broken"
        assert str(path) in caught.value.message
        assert caught.value.message in listed.why_not
        assert "\n" not in str(caught.value)
        assert len(caught.value.message) < 500 + len(str(path))


def check_is_used(path: Path) -> None:
    (listed,) = [prior for prior in list_priors([path]) if prior.path == path]
    assert (listed.why_not, listed.usable) == ("", True)
    prior = load_prior(str(path))
    sigma = torch.tensor([1.0])
    (clean,) = prior.denoise(torch.zeros(1, 4, 8, 8), sigma, [prior.condition("duck")])
    assert clean.isfinite().all()
    assert prior.encode(torch.rand(1, 3, 16, 16)).isfinite().all()


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_file_is_not_usable_and_is_refused_before_a_job_starts(file: Path, name: str) -> None:
    BROKEN_FILES[name](file)
    check_is_refused(file)


@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_file_is_usable_and_loads(file: Path, name: str) -> None:
    ODD_FILES[name](file)
    (listed,) = [prior for prior in list_priors([file]) if prior.path == file]
    assert (listed.why_not, listed.usable) == ("", True)
    assert load_prior(str(file)).card == listed.card


@pytest.mark.parametrize("name", BROKEN_FOLDERS)
def test_a_broken_folder_is_not_usable_and_is_refused_before_a_job_starts(folder: Path, name: str) -> None:
    BROKEN_FOLDERS[name](folder)
    check_is_refused(folder)


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_an_odd_folder_is_usable_and_loads(folder: Path, name: str) -> None:
    ODD_FOLDERS[name](folder)
    check_is_used(folder)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", ["file", "folder"])
def test_no_network_of_any_family_may_lack_a_tensor_or_have_it_misshapen(
    tmp_path: Path, layout: str, form: str
) -> None:
    """One tensor of each network in turn, and those that tell what kind of network it is."""
    if form == "file":
        path = write_single_file(tmp_path / "art.safetensors", layout)
        places = {path: ["model.diffusion_model.", "first_stage_model.", "encoder.layers.", "resblocks.", "t5xxl"]}
    else:
        path = write_model(tmp_path / "model", layout)
        places = {weights: [""] for weights in path.rglob("*.safetensors")}
    for weights, prefixes in places.items():
        content = weights.read_bytes()
        for prefix in prefixes:
            names = [name for name in sorted(broken_models.load_file(weights)) if prefix in name]
            for name in (
                [names[len(names) // 3], *(name for name in names if "ln_q" in name or "quant" in name)]
                if names
                else []
            ):
                for damage in (broken_models.drop(name), broken_models.reshape(name, 7)):
                    damage(weights)
                    check_is_refused(path)
                    weights.write_bytes(content)
    check_is_used(path)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", ["file", "folder"])
def test_numbers_that_are_not_finite_are_refused_on_loading(tmp_path: Path, layout: str, form: str) -> None:
    if form == "file":
        path = weights = write_single_file(tmp_path / "art.safetensors", layout)
        some = "model.diffusion_model."
    else:
        path = write_model(tmp_path / "model", layout)
        some, weights = "", path / "vae" / broken_models.WEIGHTS
    for value in (float("nan"), float("inf"), float("-inf")):

        def spoil(tensors: dict[str, torch.Tensor], value: float = value) -> None:
            tensors[max(name for name in tensors if name.startswith(some))].view(-1)[-1] = value

        broken_models.change_tensors(weights, spoil)
        with pytest.raises(BadRequest, match="not finite") as caught:
            load_prior(str(path))
        assert caught.value.code == "prior-broken"
        assert str(path) in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_what_may_not_be_read_is_refused(file: Path, folder: Path) -> None:
    for path in (file, folder):
        broken_models.unreadable(path)
        check_is_refused(path)
        path.chmod(0o700)


def test_names_that_no_file_can_have_are_unknown() -> None:
    for name in ("x" * 5000, "a\0b", "~nobody-by-that-name/model", "/" * 5000):
        with pytest.raises(BadRequest):
            check_prompt(name, "a duck", "mesh")
        assert len(list_priors([name])) == 3


def test_one_broken_model_does_not_hide_the_others(file: Path, whole_folder: Path) -> None:
    shutil.copytree(whole_folder, file.parent / "tiny")
    for number, damage in enumerate(BROKEN_FILES.values()):
        damage(shutil.copyfile(file, file.with_name(f"broken-{number:02}.safetensors")))
    usable = {prior.title for prior in list_priors([file.parent]) if prior.usable}
    assert usable == {"Embedded (built in)", "Exact (reference for tests)", "art", "tiny"}


def test_a_file_that_goes_while_its_model_is_used_takes_nothing_with_it(file: Path) -> None:
    prior = load_prior(str(file))
    image = torch.rand(1, 3, 16, 16)
    before = prior.encode(image)
    file.write_bytes(b"")
    assert torch.equal(prior.encode(image), before)
