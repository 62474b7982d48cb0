"""How far numbers may go in the lab, whose densities lie within 2 of the origin and are about 1 wide."""

# Beyond these, squares overflow or lose every digit.
FARTHEST = 1e6
WIDEST = 1e12
