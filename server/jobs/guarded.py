"""Work on the thread of a device, which must outlive any fault."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable

from server.jobs.faults import StoreFault

_LOG = logging.getLogger(__name__)


class Guarded:
    """Does the work that it is called with. A fault, a full disk for instance, is said and gone past: nobody else would
    take the device's jobs.

    Args:
        device: that the faults are told of.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._complaint = ""

    def __call__(self, work: Callable[[], None]) -> None:
        try:
            work()
            self._complaint = ""
        except Exception as error:
            # The fault may last, and saying it again and again would only fill the log.
            if str(error) != self._complaint:
                self._complaint = str(error)
                _LOG.error("%s: %s", self._device, getattr(error, "code", type(error).__name__))
                if isinstance(error, StoreFault):
                    print(f"{self._device}: {error}", file=sys.stderr, flush=True)
                else:
                    traceback.print_exc()
            time.sleep(0.2)
