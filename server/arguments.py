"""Numbers and prompts on the command line: argparse types that check as the recipe does, and refuse in one line.

A number is written in digits, perhaps with a sign, a point and an exponent: "nan", "1_000" and "0x10" are none.
"""

from __future__ import annotations

import argparse
import re
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from server.accelerators import NAMES, choose_device, is_device
from server.console import as_text
from server.priors.pretrained.lora_files import read_lora
from server.ranges import in_words, shown

_WHOLE = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Argument:
    """An argparse type for values of one annotated type, such as a field of a recipe.

    Raises:
        argparse.ArgumentTypeError: when called with a text that is no such value; names the range.
    """

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation

    def __call__(self, text: str) -> Any:
        try:
            return self._adapter.validate_python(self._parsed(text))
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] == "value_error":
                raise argparse.ArgumentTypeError(f"it {first['ctx']['error']}") from None
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{shown(text)} is not {self.accepted}")

    @property
    def accepted(self) -> str:
        """What it accepts, in words."""
        return in_words(self._schema)

    @property
    def is_number(self) -> bool:
        return "maximum" in self._bounds

    def _parsed(self, text: str) -> int | float | str:
        if not self.is_number:
            return as_text(text)
        whole = self._bounds["type"] == "integer"
        if not (_WHOLE if whole else _REAL).fullmatch(text):
            raise ValueError(text)
        return int(text) if whole else float(text)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._annotation, config=ConfigDict(strict=True, allow_inf_nan=False))

    @cached_property
    def _schema(self) -> dict[str, Any]:
        return self._adapter.json_schema()

    @property
    def _bounds(self) -> dict[str, Any]:
        found: dict[str, Any] = next(iter(self._schema.get("anyOf", ())), self._schema)
        return found


def setting(model: type[BaseModel], name: str) -> Argument:
    """What the field of that name accepts, None excepted."""
    info = model.model_fields[name]
    return Argument(Annotated[info.annotation, info])


def whole(low: int, high: int) -> Argument:
    """A whole number from `low` to `high`."""
    return Argument(Annotated[int, Field(ge=low, le=high)])


def real(low: float, high: float) -> Argument:
    """A finite number from `low` to `high`."""
    return Argument(Annotated[float, Field(ge=low, le=high)])


def positive(high: float) -> Argument:
    """A number above 0, up to `high`."""
    return Argument(Annotated[float, Field(gt=0, le=high)])


class Pair:
    """Two numbers with a comma between them, or whatever stands between them: (x, y).

    Args:
        form: what is said of its form when there are not two, for example "X,Y".
    """

    def __init__(self, number: Argument, form: str, separator: str = ",") -> None:
        self.number = number
        self._form = form
        self._separator = separator

    def __call__(self, text: str) -> tuple[Any, Any]:
        parts = text.split(self._separator)
        if len(parts) != 2:
            raise argparse.ArgumentTypeError(f"{shown(text)} is not of the form {self._form}")
        first, second = (self.number(part) for part in parts)
        return first, second


def device_name(text: str) -> str:
    """An argparse type: the name of a device, which another machine may have.

    Raises:
        argparse.ArgumentTypeError: it is spelled like none.
    """
    if not is_device(text):
        raise argparse.ArgumentTypeError(f"there is no device {shown(text)}; it is {NAMES}")
    return text


def device(text: str) -> str:
    """An argparse type: a device that this machine has, by its name.

    Raises:
        argparse.ArgumentTypeError: it is spelled like none.
        BadRequest: "device-unavailable".
    """
    return choose_device(device_name(text))


def amount(text: str) -> int:
    """An argparse type: bytes, as 500M, 20G or in digits; K, M, G and T are powers of 1000.

    Raises:
        argparse.ArgumentTypeError
    """
    found = re.fullmatch(r"([0-9]{1,15}|[0-9]{1,9}\.[0-9]{1,3})([KMGT]?)B?", text, re.IGNORECASE)
    if found is None or (size := round(float(found[1]) * 1000 ** " KMGT".index(found[2].upper() or " "))) < 1:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a number of bytes, such as 500M or 20G")
    return size


def lora(text: str) -> str:
    """An argparse type: a LoRA file and its weight, as a recipe has them."""
    try:
        read_lora(as_text(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"it {error}") from None
    return as_text(text)
