"""Points of the plots over samples per pixel."""

import pytest

from apps.eval.plots import HEIGHT, WIDTH, plots
from apps.eval.views import Result
from denoiser.metrics import Scores


def result(scene: str, spp: int | None, psnr: float, method: str = "ours") -> Result:
    return Result(scene, f"{spp}spp", spp, method, Scores(psnr, None, 0.1, 0.1 / psnr, 0.5, 0.5, 0.01, None), 0.01)


def test_points_go_from_few_samples_on_the_left_to_good_scores_on_top() -> None:
    psnr, relmse, flip = plots([result("room", spp, value) for spp, value in ((2, 20.0), (8, 30.0), (32, 40.0))])
    assert (psnr.scene, psnr.title) == ("room", "PSNR, dB")
    assert psnr.lines == (("ours", f"0.0,{HEIGHT:.1f} {WIDTH / 2:.1f},{HEIGHT / 2:.1f} {WIDTH:.1f},0.0"),)
    assert [text for _, text in psnr.x_ticks] == ["2", "8", "32"]
    assert [text for _, text in psnr.y_ticks] == ["20.0", "26.7", "33.3", "40.0"]
    assert relmse.lines[0][1].startswith("0.0,0.0")  # the largest error on top
    assert {y for y in flip.lines[0][1].replace(",", " ").split()[1::2]} == {f"{HEIGHT:.1f}"}  # all alike


def test_scenes_have_plots_of_their_own_and_a_mean() -> None:
    results = [result(scene, spp, value) for scene in "ab" for spp, value in ((2, 20.0), (8, 30.0))]
    assert [plot.scene for plot in plots(results)][::3] == ["a", "b", "all scenes"]


def test_the_noisy_picture_is_plotted_only_where_it_is_alone() -> None:
    noisy = [result("room", spp, 10.0, "noisy") for spp in (2, 8)]
    assert [name for name, _ in plots([*noisy, *(result("room", spp, 20.0) for spp in (2, 8))])[0].lines] == ["ours"]
    assert [name for name, _ in plots(noisy)[0].lines] == ["noisy"]


@pytest.mark.parametrize("counts", [(), (8,), (None, None)])
def test_without_two_counts_of_samples_there_is_nothing_to_plot(counts: tuple[int | None, ...]) -> None:
    assert plots([result("room", spp, 20.0) for spp in counts]) == []
