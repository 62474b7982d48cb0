"""The optimisation loop: one loop for both generators."""
