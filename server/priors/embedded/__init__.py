"""The small text-to-image prior that ships with the program, and its training."""
