"""The paper's numbers beside ours."""

import json
import re

from server.lab.methods import RUNS
from server.lab.printed import DENSITIES, QUALITY
from server.lab.report import TABLE2, as_text
from server.lab.table2 import METHODS


def _row(cell: tuple[str, str, str], paper: object) -> dict[str, object]:
    measures = {"nll": 1.0, "nll_median": 1.0, "precision": 0.5, "recall": 0.5, "mmd": 0.1}
    name, denoiser, method = cell
    return {"density": name, "denoiser": denoiser, "method": method, "seeds": 1, "spread": {}, "paper": paper,
            "calls_per_point": 1, **measures}  # fmt: skip


def test_all_eighteen_cells_of_table_2_stand_beside_ours_and_what_we_have_not_seen_says_so() -> None:
    assert len(QUALITY) == 18
    for cell, printed in QUALITY.items():
        assert cell[0] in DENSITIES
        assert cell[2] in METHODS
        line = as_text([_row(cell, printed)], TABLE2).splitlines()[1]
        brackets = re.findall(r"\[.*?\]", line)
        assert len(brackets) == 4, line
        assert sum(bracket == "[?]" for bracket in brackets) == 4 - len(printed)


def test_a_method_that_the_paper_does_not_have_has_no_brackets() -> None:
    assert "[" not in as_text([_row(("fractal", "ideal", "tweedie"), None)], TABLE2).splitlines()[1]
    assert "tweedie" in RUNS


def test_a_printed_number_is_not_rounded_away_and_pairs_of_unknown_order_are_shown_as_such() -> None:
    line = as_text([_row(("fractal", "ideal", "ddim"), QUALITY["fractal", "ideal", "ddim"])], TABLE2)
    assert "[0.007]" in line
    line = as_text([_row(("pinwheel", "ideal", "sds"), QUALITY["pinwheel", "ideal", "sds"])], TABLE2)
    assert "[2.00 or 2.30]" in line


def test_what_is_printed_survives_json_unchanged() -> None:
    for printed in QUALITY.values():
        assert json.loads(json.dumps(printed)) == printed
