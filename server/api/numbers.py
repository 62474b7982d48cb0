"""Numbers and flags in addresses and headers, as they must be written."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


def _in_digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,19}", value):
        raise PydanticCustomError("digits", "must be a whole number, in no more than 19 digits")
    return value


def _true_or_false(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise PydanticCustomError("flag", "must be true or false")
    return value


Digits = Annotated[int, BeforeValidator(_in_digits)]
Flag = Annotated[bool, BeforeValidator(_true_or_false)]
