"""The experiments of the paper, on densities with closed forms."""
