"""Text-to-image diffusion models that the user brings: a diffusers folder, a single file, or a model on the hub."""
