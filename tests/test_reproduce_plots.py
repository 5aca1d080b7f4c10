"""What the plots of the page show, and must not hide."""

from matplotlib.figure import Figure

from apps.reproduce.plots import bars_by_image


def test_a_bar_below_the_input_is_seen() -> None:
    """A training that made the picture worse is a result too."""
    rows = [
        {"variant": name, "seed": "0", "step": "1", "test": "t", "image": "i", "psnr": psnr, "input_psnr": 30.0}
        for name, psnr in (("good", 35.0), ("bad", 12.0))
    ]
    axes = Figure().add_subplot()
    bars_by_image(rows, axes, ("good", "bad"))
    assert axes.get_ylim()[0] == 8.0  # 4 dB of the lowest bar
