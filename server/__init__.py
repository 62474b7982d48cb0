"""The optimisation server: mean-shift distillation of text-to-image diffusion models into meshes and textures."""

import os

__version__ = "0.1.0"

# Every process of the server imports this package first, and torch's libraries read these when they first compute.
# What a person set wins, an empty MKL_CBWR included, which MKL takes for none.
# Waiting threads that spin would make two cores slower than one, and take them from Blender.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What Apple's Metal lacks is computed by the processor.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
# MKL would choose its kernels by where arrays lie in memory, so that equal products are rounded differently. With AUTO
# it chooses by the processor alone, at no cost (measured); other values are the same, slower, or for Intel only.
os.environ.setdefault("MKL_CBWR", "AUTO")
# The hub's library would report what is used, look for newer versions of itself, and fetch from a second service.
for _refused in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_UPDATE_CHECK", "HF_HUB_DISABLE_XET", "DO_NOT_TRACK"):
    os.environ.setdefault(_refused, "1")
