"""What was made, for whoever looks for it: which results are wanted, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.recipe import Kind
from server.studio.kept_names import THUMBNAIL

# Letters of what is searched for.
MOST_SEARCH = 1000


@dataclass(frozen=True)
class Wanted:
    """Which results are looked for.

    Attributes:
        search: words, each of which is somewhere in the prompt, in any case.
        kind: None: of any.
        starred: whether only those.
    """

    search: str = ""
    kind: Kind | None = None
    starred: bool = False

    def as_sql(self) -> tuple[str, list[str]]:
        """The conditions, and the values of their marks."""
        words = self.search.casefold().split()
        conditions = ["state = 'done'", *["instr(casefold(json_extract(recipe, '$.prompt')), ?)"] * len(words)]
        conditions += ["json_extract(recipe, '$.kind') = ?"] * (self.kind is not None)
        conditions += ["starred"] * self.starred
        return " AND ".join(conditions), words + ([] if self.kind is None else [self.kind])


def result_of(job: dict[str, Any]) -> dict[str, Any]:
    """The few words about a job that is done (`Job.as_json`) that a grid of hundreds needs."""
    gone = set(job["removed"])
    files = [name for name in (job["report"] or {}).get("artifacts", []) if name not in gone]
    return {
        "id": job["id"],
        **{name: job["recipe"].get(name) for name in ("kind", "prompt", "seed", "prior", "preset")},
        **{name: job[name] for name in ("created", "finished", "starred", "task", "parent")},
        "files": files,
        "thumbnail": THUMBNAIL if THUMBNAIL in files else None,
    }
