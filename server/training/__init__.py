"""How the embedded prior is made and judged."""
