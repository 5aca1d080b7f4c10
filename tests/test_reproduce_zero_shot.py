"""The figure zero-shot judges the order of the samplers photograph by photograph."""

from typing import Any

from apps.reproduce.figure import Row
from apps.reproduce.zero_shot import EXTRA, VALUES, ZERO_SHOT
from denoiser import paper
from denoiser.inference.samplers import SAMPLER_NAMES

PUBLISHED = paper.ZERO_SHOT_PSNR_DB[25]


def rows(*by_image: tuple[float, ...]) -> list[Row]:
    """Results at sigma 25: PSNR of every sampler, one tuple a photograph."""
    found: list[dict[str, Any]] = []
    for index, psnr in enumerate(by_image):
        for sampler, value in zip((*SAMPLER_NAMES, EXTRA), (*psnr, psnr[0]), strict=True):
            row = {"noise": "sigma 25", "image": str(index), "sampler": sampler, **dict.fromkeys(VALUES, value)}
            found.append(row)
    return found


def order(found: list[Row]) -> tuple[str, str]:
    finding = ZERO_SHOT.judge(found)[0]
    return finding.ours.rsplit(" order ", 1)[1], finding.holds


def test_the_published_order_on_every_photograph_holds() -> None:
    assert order(rows(PUBLISHED, tuple(value - 3 for value in PUBLISHED))) == ("1.00 ± 0.00", "holds")


def test_an_order_that_photographs_disagree_on_is_open() -> None:
    reverse = tuple(-value for value in PUBLISHED)
    assert order(rows(PUBLISHED, PUBLISHED, reverse))[1] == "open"  # though the mean of most is in that order


def test_the_reverse_order_does_not_hold() -> None:
    reverse = tuple(-value for value in PUBLISHED)
    assert order(rows(reverse, reverse)) == ("-1.00 ± 0.00", "does not hold")
