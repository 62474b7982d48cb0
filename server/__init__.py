"""The optimisation server: mean-shift distillation of text-to-image diffusion models into meshes and textures."""

__version__ = "0.1.0"
