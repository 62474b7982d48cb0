"""What this program computes on: processors, and accelerators through `torch.accelerator`.

NVIDIA's and AMD's cards (both are called "cuda" by torch), Apple's ("mps") and Intel's ("xpu"). Everything that differs
between them is here; torch is imported only when a device is looked at. Devices are named "cpu", "cuda", "cuda:1".
"""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING, Any, Literal

from server.errors import BadRequest

if TYPE_CHECKING:
    import torch

NAMES = "auto, cpu, cuda, mps or xpu, or one of several cards as cuda:NUMBER"
_ACCELERATORS = ("cuda", "mps", "xpu")


def is_device(name: str) -> bool:
    """Whether it is spelled like a device, or auto; not whether this machine has it."""
    return re.fullmatch(rf"auto|cpu|({'|'.join(_ACCELERATORS)})(:[0-9]{{1,3}})?", name) is not None


def choose_device(wanted: str) -> str:
    """ "auto" is this machine's accelerator where torch knows one, else the processor.

    Raises:
        BadRequest: "device-unavailable".
    """
    if wanted == "cpu":
        return wanted
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    if wanted == "auto":
        return "cpu" if found is None else found.type
    kind, _, number = wanted.partition(":")
    if found is None or kind != found.type or int(number or 0) >= torch.accelerator.device_count():
        hint = "Use --device cpu, or install the build of torch for this machine's graphics card, and its driver."
        raise BadRequest("device-unavailable", f"torch cannot use {wanted} here.", hint)
    return wanted


def all_devices() -> list[str]:
    """The processor, and every accelerator that torch can use, by its number."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    return ["cpu", *(f"{found.type}:{number}" for number in range(torch.accelerator.device_count()) if found)]


def others_like(device: str) -> list[str]:
    """The other cards of the machine, where `device` is the first of them; none beside a processor."""
    return [name for name in all_devices() if kind_of(name) == kind_of(device) and name not in ("cpu", f"{device}:0")]


def kind_of(device: str | torch.device) -> str:
    """Its name without a number."""
    return str(device).partition(":")[0]


def brand_of(device: str | torch.device) -> Literal["processor", "NVIDIA", "AMD", "Apple", "Intel"]:
    """Who made what computes there."""
    import torch

    match kind_of(device):
        case "cuda":
            return "AMD" if torch.version.hip else "NVIDIA"
        case "mps":
            return "Apple"
        case "xpu":
            return "Intel"
    return "processor"


def name_of(device: str | torch.device) -> str:
    """What its maker calls it, as far as can be told."""
    import torch

    if kind_of(device) == "cpu":
        return platform.processor() or platform.machine()
    module: Any = torch.get_device_module(device)
    return str(module.get_device_name(device)) if hasattr(module, "get_device_name") else f"{brand_of(device)} GPU"


def use(device: str) -> None:
    """Make a numbered card the current one: some libraries allocate there, wherever their input is."""
    if ":" in device:
        import torch

        torch.accelerator.set_device_index(int(device.partition(":")[2]))


def wait_for(device: str) -> None:
    """Let an accelerator finish what was asked of it; a processor always has."""
    if kind_of(device) != "cpu":
        import torch

        torch.accelerator.synchronize(device)


def free_cache() -> None:
    """Give memory back that torch keeps for reuse."""
    import torch

    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()


def memory_of(device: str | torch.device) -> tuple[int, int] | None:
    """Bytes that are free, what torch keeps for reuse included, and bytes in all; None where it cannot be told.

    Apple's chips share the processor's memory.
    """
    import torch

    if kind_of(device) in ("cpu", "mps"):
        try:
            import psutil
        except ImportError:
            return None
        memory = psutil.virtual_memory()
        return int(memory.available), int(memory.total)
    free, total = torch.accelerator.get_memory_info(device)
    kept = torch.accelerator.memory_reserved(device) - torch.accelerator.memory_allocated(device)
    return free + kept, total


def held_on(device: str) -> int:
    """Bytes that this process holds there, and would give back before it takes others; 0 where it
    cannot be told."""
    if kind_of(device) in ("cuda", "xpu"):
        import torch

        return int(torch.accelerator.memory_allocated(device))
    return used_on(device) or 0


def used_on(device: str) -> int | None:
    """Bytes of memory that this process uses there; None where it cannot be told."""
    if kind_of(device) in ("cuda", "xpu"):
        import torch

        return int(torch.accelerator.memory_reserved(device))
    try:
        import psutil
    except ImportError:
        return None
    return int(psutil.Process().memory_info().rss)


def forget_peak(device: str) -> None:
    """`peak_of` counts from here."""
    if kind_of(device) in ("cuda", "xpu"):
        import torch

        torch.accelerator.reset_peak_memory_stats(device)


def peak_of(device: str) -> int | None:
    """Most bytes of tensors at once since `forget_peak`; None where nobody counts."""
    if kind_of(device) not in ("cuda", "xpu"):
        return None
    import torch

    return int(torch.accelerator.max_memory_allocated(device))


def has_bfloat16(device: str | torch.device) -> bool:
    """Whether bfloat16 is computed by the device itself, and fast."""
    import torch

    if kind_of(device) == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind_of(device) == "xpu"


def abilities(device: str) -> list[str]:
    """What runs there, and in which precision, in sentences."""
    if kind_of(device) == "cpu":
        return ["Runs everything; large models in float32, which is slow."]
    wide = "bfloat16" if has_bfloat16(device) else "float16"
    return [f"Runs everything; Stable Diffusion 1, 2 and XL in float16, Stable Diffusion 3 in {wide}."]


def fallbacks(device: str) -> list[str]:
    """What this device does otherwise than an NVIDIA card, in sentences."""
    match brand_of(device):
        case "processor":
            return ["Instead of a large grid and renderings of 512 pixels, photographic models get small ones."]
        case "Apple":
            said = ["What Metal lacks is computed by the processor.", "Its memory is not counted while it works."]
        case _:
            said = []
    if not has_bfloat16(device):
        said.append("It lacks bfloat16: Stable Diffusion 3 may overflow, and so autoencoders stay in float32.")
    return said
