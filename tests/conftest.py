"""Before any test imports torch: numbers are computed as in the server."""

import server  # noqa: F401  (sets what torch's libraries read from the environment)
