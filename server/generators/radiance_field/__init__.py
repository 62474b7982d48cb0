"""A density and colour field over space, rendered by ray marching."""
