"""Writing a finished object for other programs, and for printers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..core.asset_limits import PRINTED_MM
from ..core.checks import number
from ..core.errors import Problem
from ..core.names import file_words
from ..scene import exporting, owned
from ..scene.present import present
from . import texts
from .asset_operators import OnOurs
from .asset_properties import ExportFile
from .drawn import Drawn
from .operators import refuse

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems, OperatorReturnItems

ICONS: dict[str, IconItems] = {
    "GLB": "CUBE",
    "OBJ": "CUBE",
    "FBX": "CUBE",
    "USD": "CUBE",
    "STL": "MESH_UVSPHERE",
    "3MF": "MESH_UVSPHERE",
}


class MSD_OT_export_object(OnOurs, Drawn, bpy.types.Operator, ExportFile):
    bl_idname = "msd.export_object"
    bl_label = "Export"
    bl_description = "Write the active object to a file for other programs, or for printers"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        endings = exporting.FORMATS[self.format]
        self.filter_glob = ";".join(f"*{ending}" for ending in endings)
        folder = Path(bpy.data.filepath).parent if bpy.data.is_saved else Path.home()
        self.filepath = str(folder / f"{file_words(present(context.object).name) or 'object'}{endings[0]}")
        present(context.window_manager).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        """Beside the file browser."""
        is_solid = self.format in exporting.SOLID
        self.layout.prop(self, "size_mm" if is_solid else "with_parts")

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            obj = owned.check(context.object)
            path = self._path()
            size = number("Size in Millimetres", self.size_mm, PRINTED_MM)
            said = exporting.export(obj, path, self.format, size, self.with_parts)
        except Problem as problem:
            return refuse(self, problem)
        self.report({"INFO"}, f"Wrote {path}. {said}".strip())
        return {"FINISHED"}

    def _path(self) -> Path:
        """Raises Problem "path-unreadable" or "path-relative", as `texts.path`, or "export-failed" without one."""
        given = texts.path(self, "filepath")
        endings = exporting.FORMATS[self.format]
        if not given:
            raise Problem("export-failed", "No file was named.", "Give the path of the file that is to be written.")
        path = Path(given)
        return path if path.suffix.lower() in endings else path.with_name(path.name + endings[0])


class MSD_MT_export(Drawn, bpy.types.Menu):
    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        operators: Any = bpy.ops  # ours are no part of the stubs; the class does not list what it inherits
        about = operators.msd.export_object.get_rna_type().properties["format"]
        self.layout.operator_context = "INVOKE_DEFAULT"
        for item in about.enum_items:
            if item.identifier == exporting.SOLID[0]:
                self.layout.separator()
            icon = ICONS[item.identifier]
            self.layout.operator("msd.export_object", text=item.name, icon=icon).format = item.identifier


CLASSES = (MSD_OT_export_object, MSD_MT_export)
