"""How large the picture of a moving camera is, of how many samples, and what it learns: as the time of the last ones
allows.

Work is pixels times samples per pixel of a half. It goes in steps of sqrt(2), so that the picture does not change its
size with every frame: down as soon as frames take too long, up when several in a row were fast enough for it. More work
makes the picture larger first, up to its size at rest, then less noisy; time that is left then is for training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

START_WORK = 2.0**13
"""Of the first frames: 128x64 at 1 + 1 sample per pixel, which takes 0.1 s in a furnished room on one core."""
LEAST_WORK = 2.0**12
"""Below it a picture saves hardly any time: classroom at 43x24 takes 0.12 s of a core, at 85x48 0.14 s."""
STEP = 2**0.5
FRAMES = 3
"""Frames in a row that must be fast enough before the picture grows; of the last two one may be slow."""
MUCH_TOO_SLOW = 1.5
"""Times the budget: a frame that takes longer makes the next one smaller at once."""
SHARE = 0.8
"""Of the time from one picture to the next, what a frame may take: the rest is the window's, and the machine's."""


@dataclass(frozen=True)
class Pace:
    """What is known of the frames so far. `rate` are the pictures a second that there should be.

    `allowed` are the amounts of work that would have taken just as long as there is time, told from each of the last
    frames; `spare_s` is what the last one left, and `training_step_s` what a training step takes, if that is known.
    """

    rate: float
    work: float = START_WORK
    allowed: tuple[float, ...] = ()
    spare_s: float = 0.0
    training_step_s: float | None = None

    @property
    def budget_s(self) -> float:
        """Seconds that a frame may take."""
        return SHARE / self.rate

    def effort(self, resting: tuple[int, int], spp: int) -> tuple[tuple[int, int], int]:
        """(width, height) and samples per pixel of each half of the next frame, at most `resting` and `spp`."""
        pixels = resting[0] * resting[1]
        scale = min(1.0, math.sqrt(self.work / pixels))
        width, height = (max(1, round(side * scale)) for side in resting)
        return (width, height), min(spp, max(1, int(self.work / pixels)))

    def training_steps(self, most: int, most_s: float | None) -> int:
        """Training steps that there is time for: at most `most`, or in `most_s` seconds where that is given."""
        if self.training_step_s is None:
            return 0
        spare_s = self.spare_s if most_s is None else min(self.spare_s, most_s)
        steps = int(spare_s / self.training_step_s)
        return steps if most_s is not None else min(steps, most)

    def after_frame(self, work: float, seconds: float) -> Pace:
        """With a frame of so much work, in motion, that took so many seconds without its training.

        What takes the same for every frame makes the guess of what is allowed too careful upwards, and too bold
        downwards, where the next frame tells.
        """
        allowed = work * self.budget_s / seconds
        seen, target = (*self.allowed, allowed)[-FRAMES:], self.work
        slow = len(seen) > 1 and max(seen[-2:]) < self.work
        if slow or allowed * MUCH_TOO_SLOW < self.work:
            target = max(_step_below(allowed), LEAST_WORK)
        elif len(seen) == FRAMES:
            target = max(_step_below(min(seen)), self.work)
        seen = seen if target == self.work else ()
        return replace(self, work=target, allowed=seen, spare_s=max(0.0, self.budget_s - seconds))

    def after_training(self, seconds: float, steps: int) -> Pace:
        """With training steps that took so many seconds in all."""
        return replace(self, training_step_s=seconds / steps) if steps else self


def _step_below(work: float) -> float:
    """The step of work that is at most `work`."""
    return float(STEP ** math.floor(math.log(work, STEP) + 1e-9))
