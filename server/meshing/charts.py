"""Run as a program of its own: python charts.py INPUT OUTPUT SECONDS cuts a mesh into charts with xatlas.

xatlas cannot be interrupted, and on a hostile mesh it may take hours or crash; a process of its own can be ended. INPUT
is an .npz with `vertices` float32 [V, 3] and `triangles` int32 [F, 3]; OUTPUT becomes one with `uv` float32 [F, 3, 2]
in [0, 1]. The process ends itself after SECONDS, even when nobody is left to end it.
"""

from __future__ import annotations

import faulthandler
import sys

import numpy as np
import xatlas

# Flattening a chart takes more than linear time in its faces; charts of this size keep the whole linear.
FACES_PER_CHART = 500
# Texels between charts, so that bilinear filtering and the first mip levels do not mix neighbours.
PADDING = 4
# Charts are laid out for this many texels per side, which sets what PADDING is measured against.
RESOLUTION = 1024


def main(source: str, target: str, seconds: str) -> None:
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    with np.load(source, allow_pickle=False) as mesh:
        vertices, triangles = mesh["vertices"], mesh["triangles"]
    corners = vertices[triangles].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices, triangles.astype(np.uint32))
    charts = xatlas.ChartOptions()
    charts.max_chart_area = area * min(1.0, FACES_PER_CHART / len(triangles))
    pack = xatlas.PackOptions()
    pack.resolution, pack.padding, pack.bilinear = RESOLUTION, PADDING, True
    atlas.generate(charts, pack)
    assert atlas.atlas_count == 1, "the charts are spread over several textures"
    origin, indices, uv = atlas[0]
    assert np.array_equal(origin[indices], triangles), "xatlas changed the order of the faces"
    # Each axis was divided by its own length.
    uv = uv * (np.array([atlas.width, atlas.height]) / max(atlas.width, atlas.height))
    np.savez(target, uv=uv[indices].astype(np.float32))


if __name__ == "__main__":
    main(*sys.argv[1:])
