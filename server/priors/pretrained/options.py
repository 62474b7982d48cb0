"""Options of a network's configuration, read as the numbers that they should be. Free of torch."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

MOST = 2**20


class Misfit(ValueError):
    """A configuration that makes no network; the message says why, for people."""


class Unusual(Exception):
    """A network with options that are not described here: only loading it can tell."""


def read_number(config: Config, name: str, usual: int | None = None) -> int:
    value = config.get(name, usual)
    if type(value) is not int or not 0 < value <= MOST:
        raise Misfit(f"its {name} is {value!r}")
    return value


def read_numbers(config: Config, name: str) -> list[int]:
    values = config.get(name)
    if not isinstance(values, list) or not 0 < len(values) < 100:
        raise Misfit(f"its {name} is {values!r}")
    return [read_number({name: value}, name) for value in values]


def read_levels(config: Config, name: str, levels: int, usual: int) -> list[int]:
    """An option that may be given once for all levels."""
    if config.get(name, usual) is None:
        raise Unusual
    if isinstance(config.get(name, usual), list):
        values = config[name]
        if any(isinstance(value, list) for value in values):
            raise Unusual
        if len(values) != levels:
            raise Misfit(f"its {name} is {values!r} for {levels} resolutions")
        return read_numbers(config, name)
    return [read_number(config, name, usual)] * levels


def check_divides(name: str, divisor: int, widths: list[int]) -> None:
    odd = [width for width in widths if width % divisor]
    if odd:
        raise Misfit(f"its {name} is {divisor}, which does not divide its width {odd[0]}")
