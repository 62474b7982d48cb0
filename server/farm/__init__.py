"""Work on other computers. What brings it there, Ray, is imported by processes of this room alone, and only there."""
