"""What a request carries: one JSON object, in UTF-8, that says everything once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from server.api.limits import BODY_SECONDS, MOST_BODY_BYTES, MOST_SEEDS
from server.api.problems import Refused
from server.errors import BadRequest
from server.ranges import shown
from server.recipe import MOST_STEPS, Recipe, read_recipe
from server.recipe_parts import whole

# Numbers of more digits are cut to these, which is beyond every range, too, so that the refusal names the field.
MOST_DIGITS = 400
_HINT = "Send one JSON object: the recipe."
_SMALL = "A recipe is a small JSON object; send paths, not contents."


def check_is_json(content_type: str | None) -> None:
    """Raises Refused, HTTP 415, when the request says that it carries something else."""
    if content_type is not None and content_type.partition(";")[0].strip().lower() != "application/json":
        hint = "Send the recipe as JSON, with Content-Type: application/json."
        raise Refused(415, "body-not-json", f"The request says that it carries {content_type[:80]!r}, not JSON.", hint)


async def read_body(request: Request, most: int = MOST_BODY_BYTES, hint: str = _SMALL) -> bytes:
    """Raises Refused: HTTP 413 for one of more than `most` bytes, which `hint` helps with, 408 for one that does not
    come."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise Refused(413, "body-too-large", f"The request is larger than {most} bytes.", hint)
    except ClientDisconnect:
        said = "The request ended before its body did."
        raise Refused(400, "request-malformed", said, "Send as many bytes as Content-Length says.") from None
    except TimeoutError:
        said = f"The body of the request did not come within {BODY_SECONDS:.0f} s."
        raise Refused(408, "request-too-slow", said, "Send it again, at once.") from None
    return bytes(body)


def object_from(body: bytes) -> dict[str, Any]:
    """Read a body.

    Raises:
        BadRequest: "body-invalid" unless it is one JSON object (RFC 8259) whose texts are Unicode and whose names
            differ.
    """
    try:
        data = json.loads(body.decode(), object_pairs_hook=_each_name_once, parse_int=_whole)
        # A lone surrogate, written "\\ud800", is read but is no text that could be stored or sent.
        json.dumps(data, ensure_ascii=False).encode()
    except BadRequest:
        raise
    except UnicodeError:
        raise BadRequest("body-invalid", "The request is not text in UTF-8.", _HINT) from None
    except RecursionError:
        raise BadRequest("body-invalid", "The request is nested too deeply.", _HINT) from None
    except ValueError as error:
        raise BadRequest("body-invalid", f"The request is not JSON: {error}.", _HINT) from None
    if not isinstance(data, dict):
        raise BadRequest("body-invalid", "The request is not a JSON object.", _HINT)
    return data


def take_anew(asked: dict[str, Any]) -> bool:
    """Take `anew` out of a request: whether what it asks for is to be made even if it was made before.

    Raises:
        BadRequest: "request-invalid".
    """
    anew = asked.pop("anew", False)
    if not isinstance(anew, bool):
        raise BadRequest("request-invalid", f"anew must be true or false, not {shown(anew)}.", "Or leave it out.")
    return anew


def as_body(schema: dict[str, Any]) -> dict[str, Any]:
    """What the OpenAPI page says of a route that reads its body itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def steps_from(data: dict[str, Any]) -> int:
    """Read `{"steps": 300}`. Raises BadRequest "request-invalid" for another form."""
    steps = whole(data.get("steps"))  # JSON does not tell 300.0 from 300
    if data.keys() != {"steps"} or type(steps) is not int or not 1 <= steps <= MOST_STEPS:
        hint = 'Send how many more are to be made: {"steps": 300}.'
        raise BadRequest("request-invalid", f"The request is not a number of steps, 1 to {MOST_STEPS}.", hint)
    return steps


def recipes_from(batch: dict[str, Any]) -> tuple[list[Recipe], bool]:
    """Read `{"recipe": {...}, "seeds": [...], "look": false}`: the recipe with each of the seeds, and whether only a
    quick look is wanted.

    Raises:
        BadRequest: "request-invalid" for another form; "recipe-invalid".
    """
    recipe, seeds, look = batch.get("recipe"), batch.get("seeds"), batch.get("look", False)
    hint = 'Send the recipe and its seeds: {"recipe": {...}, "seeds": [1, 2, 3]}.'
    if not isinstance(recipe, dict) or not isinstance(seeds, list) or {*batch} - {"recipe", "seeds", "look"}:
        raise BadRequest("request-invalid", "The request is not one recipe and a list of seeds.", hint)
    if not isinstance(look, bool):
        raise BadRequest("request-invalid", "look must be true or false.", hint)
    if not 1 <= len(seeds) <= MOST_SEEDS:
        raise BadRequest("request-invalid", f"seeds must be 1 to {MOST_SEEDS}, not {len(seeds)}.", hint)
    read_recipe(recipe)  # with its own seed, which is not used, but is not to be nonsense either
    recipes = [read_recipe({**recipe, "seed": seed}) for seed in seeds]
    if len({recipe.seed for recipe in recipes}) < len(recipes):
        raise BadRequest("request-invalid", "A seed is given twice: it would make the same twice.", hint)
    return recipes, look


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest("body-invalid", f"The request gives {twice[:40]!r} twice.", "Give every field once.")
    return found


def _whole(digits: str) -> int:
    return int(digits[:MOST_DIGITS])
