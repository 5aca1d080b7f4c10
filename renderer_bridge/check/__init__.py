"""Whether a frame or a pair is what a denoiser needs, and what to change in the renderer where it is not.

    for finding in check_pair(pair):
        if finding.alarm:
            print(finding.sentence)

Thresholds were chosen on some scenes, and alarms counted on others too: docs/check.md, made by
`python -m apps.bench --only check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from renderer_bridge.check.albedo import check_black, check_display_albedo, follows
from renderer_bridge.check.color import check_display_color, check_limits
from renderer_bridge.check.compression import check_compression
from renderer_bridge.check.finding import SIGNIFICANCE, Finding
from renderer_bridge.check.noise import NOISE_SEEN, check_frame_noise, check_pair_noise
from renderer_bridge.check.normals import SPACE, check_normals
from renderer_bridge.frame import Frame, Pair, Pixels

__all__ = ["NOISE_SEEN", "SIGNIFICANCE", "SPACE", "Finding", "check_compression", "check_frame", "check_pair"]


def check_frame(
    frame: Frame, repaired: Mapping[str, int] | None = None, seen: tuple[float, float] = NOISE_SEEN
) -> list[Finding]:
    """What tests say of a single frame, each a `Finding`; those that find nothing to measure are left out.

    Color is linear radiance (H, W, 3); below about 64x64 pixels nothing is told of its noise. `repaired` is what
    `read_frame` counted; `seen` the range of relative noise, standard deviation of a pixel over its mean, that the
    weights were trained on.
    """
    return [*check_frame_noise(frame, seen), *check_limits(frame), *_check_layers(frame, [frame.color], repaired or {})]


def check_pair(
    pair: Pair, repaired: Mapping[str, int] | None = None, seen: tuple[float, float] = NOISE_SEEN
) -> list[Finding]:
    """As `check_frame`, for both halves together; the noise is known from their difference, and told more surely.

    `repaired` counts the mended pixels of both halves. Halves that are equal, of different size, seed or samples are no
    `Pair` at all.
    """
    halved = {name: count // 2 for name, count in (repaired or {}).items()}
    return [
        *check_pair_noise(pair, seen),
        *check_limits(pair.a),
        *_check_layers(pair.a, [pair.a.color, pair.b.color], halved),
    ]


def _check_layers(frame: Frame, colors: Sequence[Pixels], repaired: Mapping[str, int]) -> list[Finding]:
    findings: list[Finding] = []
    if frame.albedo is not None:
        black = check_black(frame)
        findings.append(black)
        if not black.alarm:
            slopes = follows(frame, colors)
            findings += [check_display_color(frame, slopes), check_display_albedo(frame, slopes)]
    if frame.normal is not None:
        findings += check_normals(frame, repaired.get("normal", 0))
    return findings
