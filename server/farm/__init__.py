"""Work on other computers, by queues that others have written. Ray and submitit are imported in this room alone."""
