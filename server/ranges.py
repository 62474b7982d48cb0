"""What a field accepts, in words: from its JSON schema to the end of a sentence that begins with "it must be"."""

from __future__ import annotations

import reprlib
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60


def in_words(schema: dict[str, Any]) -> str:
    """For example "a whole number from 1 to 64", "one of sketch, standard, fine", "text of 1 to 1000 characters"."""
    schema = next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    match schema.get("type"):
        case "integer":
            return f"a whole number {_between(schema)}"
        case "number":
            return f"a number {_between(schema)}"
        case "boolean":
            return "true or false"
        case "array":
            return f"a list of {in_words(schema['items'])}"
        case "string" if "maxLength" not in schema:
            return "text"
        case "string":
            return f"text of {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    return "an object"


def shown(value: object) -> str:
    """A refused value as it is quoted in a message: on one line, and short."""
    return _SHORT.repr(value)


def _between(schema: dict[str, Any]) -> str:
    high = f"{schema['maximum']:.10g}"
    if "exclusiveMinimum" in schema:
        return f"above {schema['exclusiveMinimum']:.10g}, up to {high}"
    return f"from {schema['minimum']:.10g} to {high}"
