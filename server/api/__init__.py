"""The HTTP interface. Nothing here imports torch: computing is done in the worker processes."""

API_VERSION = 1
