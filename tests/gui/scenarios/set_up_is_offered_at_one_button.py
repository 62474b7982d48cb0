"""Before anything is set up, the tab shows what set-up needs and a button for it; nothing else has to be known."""

from __future__ import annotations

from artist import Artist, Steps


def play(artist: Artist) -> Steps:
    yield from artist.open_sidebar()
    installer = artist.inside("bridge").installer()
    yield from artist.wait_for(lambda: installer.machine is not None and not installer.checking, "the look around", 120)
    yield 1.0
    yield from artist.find("msd.set_up", across=0.7)
    yield from artist.look("card")
