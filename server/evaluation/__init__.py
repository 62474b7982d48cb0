"""How good a result is, measured against what was asked for."""
