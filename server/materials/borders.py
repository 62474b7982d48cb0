"""Filters of a picture that know which of its directions repeat: round its edge there, else mirrored at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Borders:
    """Which directions repeat: x to the right, y downwards. All fields are float32 [H, W], or [H, W, C] where said."""

    x: bool
    y: bool

    @property
    def modes(self) -> tuple[str, str]:
        """By axis, rows first, as scipy.ndimage calls them."""
        return "wrap" if self.y else "reflect", "wrap" if self.x else "reflect"

    def blurred(self, field: Floats, sigma: float) -> Floats:
        """A Gaussian blur, `sigma` in pixels; as fast for wide ones as for narrow ones."""
        spectrum = self._forward(field)
        along, down = self._frequencies(field.shape)
        spectrum *= np.exp(-0.5 * (sigma * along) ** 2)[None, :]
        spectrum *= np.exp(-0.5 * (sigma * down) ** 2)[:, None]
        return self._back(spectrum, field.shape)

    def slopes(self, field: Floats) -> tuple[Floats, Floats]:
        """Central differences along x and y, in steps a pixel."""
        along, down = (
            scipy.ndimage.correlate1d(field, [-0.5, 0.0, 0.5], axis, mode=self.modes[axis]) for axis in (1, 0)
        )
        return along, down

    def _forward(self, field: Floats) -> NDArray[np.float32 | np.complex64]:
        # A mirrored edge between two pixels is what the second kind of cosine transform means.
        along = scipy.fft.rfft(field, axis=1) if self.x else scipy.fft.dct(field, axis=1)
        found: NDArray[np.float32 | np.complex64] = (
            scipy.fft.fft(along, axis=0, overwrite_x=True) if self.y else scipy.fft.dct(along, axis=0, overwrite_x=True)
        )
        return found

    def _back(self, spectrum: NDArray[np.float32 | np.complex64], shape: tuple[int, ...]) -> Floats:
        down = (
            scipy.fft.ifft(spectrum, axis=0, overwrite_x=True)
            if self.y
            else scipy.fft.idct(spectrum, axis=0, overwrite_x=True)
        )
        if not self.x:
            return np.ascontiguousarray(scipy.fft.idct(down, axis=1, overwrite_x=True).real, np.float32)
        field: Floats = scipy.fft.irfft(down, shape[1], axis=1, overwrite_x=True)
        return field

    def _frequencies(self, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Of the transformed axes, in radians a pixel: along x and y."""
        height, width = shape
        along = 2 * np.pi * scipy.fft.rfftfreq(width) if self.x else np.pi * np.arange(width) / width
        down = 2 * np.pi * scipy.fft.fftfreq(height) if self.y else np.pi * np.arange(height) / height
        return along.astype(np.float32), down.astype(np.float32)
