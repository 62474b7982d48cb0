"""g(theta): what is optimised, and how it is seen."""
