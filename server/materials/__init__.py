"""From the colour of a surface to the maps of a material; what a picture of it lets one guess, in numpy and scipy."""
