"""Everything that needs no Blender: the server's process and interface, its events, arrays, results and errors."""
