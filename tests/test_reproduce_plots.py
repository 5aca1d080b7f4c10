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


def test_a_legend_is_one_row_where_it_has_room_and_three_columns_where_not() -> None:
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
