"""Build the extension's zip with Blender's own tool, starting no Blender: `build_extension.py OUT_DIR`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def blender_tool() -> tuple[Path, Path]:
    """Blender's `blender_ext.py` and its list of valid tags, found without importing bpy."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise SystemExit("Blender's Python module (bpy) is not installed here: run `make setup`.")
    (scripts,) = Path(spec.origin).parent.glob("*/scripts")
    return scripts / "addons_core/bl_pkg/cli/blender_ext.py", scripts / "modules/_bpy_internal/extensions/tags.py"


def run_tool(command: str, *arguments: str) -> str:
    """Run one command of Blender's extension tool and return what it said.

    Raises:
        RuntimeError: the tool refused; carries its words.
    """
    tool, tags = blender_tool()
    done = subprocess.run(
        [sys.executable, str(tool), command, "--valid-tags", str(tags), *arguments],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}".strip())
    return done.stdout


def build(out: Path) -> Path:
    """Validate the manifest and build `out`/blender_msd-VERSION.zip, which is returned."""
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{manifest['id']}-{manifest['version']}.zip"
    run_tool("validate", str(ROOT))
    run_tool("build", "--source-dir", str(ROOT), "--output-filepath", str(target))
    run_tool("validate", str(target))
    return target


if __name__ == "__main__":
    try:
        built = build(Path(sys.argv[1]))
    except RuntimeError as refusal:
        raise SystemExit(str(refusal)) from None
    print(f"{built} ({built.stat().st_size / 1e6:.2f} MB)")
