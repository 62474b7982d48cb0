"""From a field to a mesh that an artist keeps."""
