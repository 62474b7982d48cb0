"""JSON answers."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import JSONResponse


class Answer(JSONResponse):
    """JSON in UTF-8. What is no text in it, such as some file's name in a message, is answered as "?"."""

    def render(self, content: Any) -> bytes:
        written = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return written.encode("utf-8", "replace")
