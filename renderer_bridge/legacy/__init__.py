"""Scenes of Mitsuba 0.5 and 0.6, as found, for Mitsuba 3: from XML to XML, without Mitsuba.

`translate` reads a scene with everything it includes and gives one that `mitsuba` itself loads, with a sentence for
each thing that is no longer the same. Steps, each a module: `document` one tree, parameters filled in; `spelling` old
names; `colors` RGB; `assets` files found; then plugin by plugin `textures`, `bsdfs`, `media`, `emitters`, `cameras`,
`shapes`; last `unknown` plugins and properties that are not `accepted`, which Mitsuba 3 would refuse. A scene of
Mitsuba 3 comes out as it went in.
"""

from renderer_bridge.legacy.translate import Translation, translate

__all__ = ["Translation", "translate"]
