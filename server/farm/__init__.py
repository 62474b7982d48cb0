"""Workers on the nodes of a Ray cluster. Ray is imported by the processes of this room alone, and only there."""
