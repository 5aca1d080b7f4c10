"""What the plots of the page show, and must not hide."""

from matplotlib.figure import Figure

from apps.reproduce.plots import bars_by_image, legend


def test_a_bar_below_the_input_is_seen() -> None:
    """A training that made the picture worse is a result too."""
    rows = [
        {"variant": name, "seed": "0", "step": "1", "test": "t", "image": "i", "psnr": psnr, "input_psnr": 30.0}
        for name, psnr in (("good", 35.0), ("bad", 12.0))
    ]
    axes = Figure().add_subplot()
    bars_by_image(rows, axes, ("good", "bad"))
    assert axes.get_ylim()[0] == 8.0  # 4 dB of the lowest bar


def test_each_variant_is_drawn_at_its_own_last_step() -> None:
    """One network may train for more steps than another."""
    rows = [
        {"variant": name, "seed": "0", "step": step, "test": "t", "image": "i", "psnr": psnr, "input_psnr": 20.0}
        for name, step, psnr in (("short", "1", 25.0), ("short", "2", 30.0), ("long", "2", 26.0), ("long", "9", 31.0))
    ]
    axes = Figure().add_subplot()
    bars_by_image(rows, axes, ("short", "long"))
    assert [round(bar.get_height()) for bar in axes.patches] == [30, 31]  # type: ignore[attr-defined]


def test_a_legend_has_as_many_columns_as_have_room() -> None:
    for names, columns in (
        (("input", "L1", "L2", "clean"), 4),
        (tuple(f"a rather long name {n}" for n in range(4)), 3),
    ):
        figure = Figure()
        axes = figure.add_subplot()
        for name in names:
            axes.plot([0, 1], label=name)
        legend(axes)
        assert figure.legends[0]._ncols == columns
