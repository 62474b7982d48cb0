"""Models distilled for few steps have their guidance built in, and say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.errors import BadRequest
from server.priors.pretrained.finding import find_model
from tests.priors.broken_models import config
from tests.priors.tiny_families import write_model
from tests.priors.tiny_single_file import write_single_file

DISTILLED = (
    "sdxl-turbo",
    "dreamshaperXL_lightningDPMSDE",
    "realvisxlV40_v40LightningBakedvae",
    "LCM_Dreamshaper_v7",
    "Hyper-SDXL-8steps",
    "epicrealism_hyperSD",
    "model-dmd2",
)
TRAILING = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
PLAIN = ("sd_xl_base_1.0", "hyperrealism", "dreamshaper_8", "realvisxlV40", "calcm")


@pytest.mark.parametrize("name", [*DISTILLED, *PLAIN])
@pytest.mark.parametrize("form", ["file", "folder"])
def test_names_tell_models_distilled_for_few_steps(tmp_path: Path, name: str, form: str) -> None:
    write = {"file": write_single_file, "folder": write_model}[form]
    card = find_model(str(write(tmp_path / (f"{name}.safetensors" if form == "file" else name), "sd1"))).card
    assert card.guidance_scale == (1.0 if name in DISTILLED else 7.5)
    assert ("few steps" in card.description) == (name in DISTILLED)


def test_a_title_tells_them_too(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1", title="Art Lightning, 4 steps")
    assert find_model(str(path)).card.guidance_scale == 1.0


@pytest.mark.parametrize(
    ("scheduler", "scale"),
    [
        ({"_class_name": "LCMScheduler"}, 1.0),
        ({"_class_name": "TCDScheduler"}, 1.0),
        ({"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}, 1.0),
        (
            {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True},
            7.5,
        ),
        ({"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}, 7.5),
        ({"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"}, 7.5),
    ],
)
def test_schedulers_tell_them(tmp_path: Path, scheduler: dict[str, object], scale: float) -> None:
    folder = write_model(tmp_path / "model", "sd1")
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | scheduler), encoding="utf-8")
    assert find_model(str(folder)).card.guidance_scale == scale


def test_where_a_folder_came_from_tells_them(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "sd1", _name_or_path="stabilityai/sd-turbo")
    assert find_model(str(folder)).card.guidance_scale == 1.0


def test_a_model_that_takes_its_guidance_as_an_input_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "sd1")
    config("unet/config.json", time_cond_proj_dim=256)(folder)
    with pytest.raises(BadRequest) as caught:
        find_model(str(folder))
    assert "LCM" in caught.value.message
    assert "distilled from" in caught.value.hint
