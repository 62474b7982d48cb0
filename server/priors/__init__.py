"""p(image | prompt): what a diffusion model believes."""
