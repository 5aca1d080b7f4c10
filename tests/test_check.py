"""Each alarm fires on its spoiling and none on sound input; false alarms are as rare as their stated significance."""

from dataclasses import replace

import numpy as np
import pytest
from fake_renderer import FakeRenderer, camera_at
from scipy import ndimage, stats

from renderer_bridge.camera_path import look_at
from renderer_bridge.check import SIGNIFICANCE, Finding, check_frame, check_pair
from renderer_bridge.frame import Camera, Frame, Image, Pair

SIZE = (320, 240)
SPP = 4
TEST_LEVEL = 1e-3  # of the tests of p-values below: seeds are fixed, so they pass for good once they have


def alarms(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings if finding.alarm}


def by_name(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def view() -> Camera:
    """Aside and a little down, so that no axis of the camera is one of the world."""
    origin, target, up = (np.array(v) for v in ((2.0, 1.2, 0.5), (-1.5, -0.6, 6.0), (0.0, 1.0, 0.0)))
    return Camera(look_at(origin, target, up), 60.0, SIZE)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return FakeRenderer().render(view(), SPP, (1, 2))


def colored(pair: Pair, a: Image, b: Image) -> Pair:
    return Pair(replace(pair.a, color=a.astype(np.float32)), replace(pair.b, color=b.astype(np.float32)))


# ---------------------------------------------------------------------------------------------------------------------
# Sound


@pytest.mark.parametrize("spp", [1, 4, 64, 16384])
def test_sound_at_any_noise(spp: int) -> None:
    pair = FakeRenderer().render(view(), spp, (1, 2))
    quiet = {"noise level"} if spp > 1000 else set()  # a note, and a true one
    assert alarms(check_pair(pair)) == quiet
    assert alarms(check_frame(pair.a)) <= quiet
    assert all(not finding.serious for finding in check_pair(pair) if finding.alarm)


def test_sound_without_layers(pair: Pair) -> None:
    bare = Pair(Frame(pair.a.color), Frame(pair.b.color))
    assert not alarms(check_pair(bare)) and not alarms(check_frame(bare.a))


def test_sound_without_noise() -> None:
    """Nothing but the scene, in float32 and in half floats, whose rounding is no noise either."""
    truth = FakeRenderer().truth(view())
    assert not alarms(check_frame(truth))
    rounded = truth.color.astype(np.float16).astype(np.float32)
    assert not alarms(check_frame(replace(truth, color=rounded)))
    nudged = rounded.copy()
    nudged[:12, :60] = 0.9
    assert not alarms(check_pair(Pair(replace(truth, color=rounded), replace(truth, color=nudged))))


def test_sound_before_black(pair: Pair) -> None:
    """An object before nothing: color, albedo and normals are zero in four fifths of the picture."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    inside = ((np.abs(x - 160) < 80) & (np.abs(y - 120) < 50))[..., None]
    cut = [Frame(**{name: layer * inside for name, layer in half.layers().items()}) for half in (pair.a, pair.b)]
    assert not alarms(check_pair(Pair(*cut))) and not alarms(check_frame(cut[0]))


@pytest.mark.parametrize("camera", [True, False])
def test_sound_with_mirrored_camera(pair: Pair, camera: bool) -> None:
    assert pair.a.normal is not None
    to_world = np.diag([-1.0, 1.0, 1.0, 1.0]) @ view().to_world
    mirrored = replace(pair.a, normal=pair.a.normal * np.float32((-1, 1, 1)), camera=replace(view(), to_world=to_world))
    assert not alarms(check_frame(mirrored if camera else replace(mirrored, camera=None)))


def test_black_and_tiny_pictures_say_nothing() -> None:
    black = Frame(
        np.zeros((64, 80, 3), np.float32), np.zeros((64, 80, 3), np.float32), np.zeros((64, 80, 3), np.float32)
    )
    assert not alarms(check_frame(black)) and not alarms(check_pair(Pair(black, black)))
    tiny = FakeRenderer().render(camera_at(resolution=(9, 7)), 1, (1, 2))
    assert not alarms(check_pair(tiny)) and not alarms(check_frame(tiny.a))


def test_not_square_pictures_are_read_row_by_row() -> None:
    """The ray of a pixel belongs to that pixel: a wide and a tall picture are both in world space."""
    for resolution in ((320, 160), (160, 320)):
        pair = FakeRenderer().render(camera_at(x=1.5, resolution=resolution), SPP, (1, 2))
        assert alarms(check_frame(pair.a)) == set()


# ---------------------------------------------------------------------------------------------------------------------
# Noise


def test_same_seed_and_a_stamp(pair: Pair) -> None:
    stamped = pair.a.color.copy()
    stamped[:12, :60] = 0.9
    assert alarms(check_pair(colored(pair, pair.a.color, stamped))) == {"same noise"}


def test_same_seed_and_more_samples(pair: Pair) -> None:
    """B has A's samples and as many again: its noise has a correlation of 0.7 with A's."""
    longer = (pair.a.color + pair.b.color) / 2
    assert "same noise" in alarms(check_pair(colored(pair, pair.a.color, longer)))


def test_one_half_brighter(pair: Pair) -> None:
    assert "halves differ" in alarms(check_pair(colored(pair, pair.a.color, 1.5 * pair.b.color)))


@pytest.mark.parametrize(("deviation", "alarm"), [(0.5, "filter"), (2.5, "denoised")])
def test_smoothed_noise(pair: Pair, deviation: float, alarm: str) -> None:
    """A Gaussian of half a pixel is Mitsuba's default filter; one of 2.5 smooths as far as denoisers do."""
    smooth = [ndimage.gaussian_filter(half.color, (deviation, deviation, 0)) for half in (pair.a, pair.b)]
    spoiled = colored(pair, *smooth)
    assert alarm in alarms(check_pair(spoiled))
    assert alarm in alarms(check_frame(Frame(spoiled.a.color)))  # of checks this fine an albedo would explain the rest


def test_too_few_samples(pair: Pair) -> None:
    kept = [np.random.default_rng(seed).random((SIZE[1], SIZE[0], 1)) < 1 / 64 for seed in (1, 2)]
    few = colored(pair, *(64 * half.color * keep for half, keep in zip((pair.a, pair.b), kept, strict=True)))
    assert alarms(check_pair(few)) == {"noise level"} == alarms(check_frame(few.a))
    assert "more samples" in by_name(check_pair(few), "noise level").sentence
    assert not alarms(check_pair(few, seen=(0.01, 20.0)))


def test_p_values_are_uniform_for_independent_noise() -> None:
    """Of 200 pairs of heavy-tailed noise; Kolmogorov-Smirnov against the uniform distribution."""
    random = np.random.default_rng(5)
    found = {name: [] for name in ("denoised", "filter", "halves differ")}
    for _ in range(200):
        a, b = (random.lognormal(0, 2, (64, 96, 3)).astype(np.float32) for _ in range(2))
        for finding in check_pair(Pair(Frame(a), Frame(b))):
            if finding.name in found:
                found[finding.name].append(finding.p_value)
    for name, p_values in found.items():
        assert stats.kstest(p_values, "uniform").pvalue > TEST_LEVEL, name


@pytest.mark.slow
def test_chance_raises_no_alarm() -> None:
    """None in 400 sound inputs: at `SIGNIFICANCE` and ten tests each, 0.4 are the most to be expected by chance."""
    renderer = FakeRenderer()
    camera = camera_at(x=1.5, resolution=(160, 120))
    pairs = [renderer.render(camera, 1 + seed % 8, (2 * seed, 2 * seed + 1)) for seed in range(200)]
    assert SIGNIFICANCE == 1e-4
    assert not any(alarms(check_pair(pair)) or alarms(check_frame(pair.a)) for pair in pairs)


# ---------------------------------------------------------------------------------------------------------------------
# Color, albedo, normals


def encoded(linear: Image) -> Image:
    return (np.maximum(linear, 0) ** (1 / 2.2)).astype(np.float32)


def test_clamped(pair: Pair) -> None:
    limit = np.float32(0.5)
    clamped = colored(pair, np.minimum(pair.a.color, limit), np.minimum(pair.b.color, limit))
    assert alarms(check_pair(clamped)) == {"clamped"} == alarms(check_frame(clamped.a))
    assert "0.5" in by_name(check_frame(clamped.a), "clamped").sentence


def test_a_lamp_is_not_clamped(pair: Pair) -> None:
    """Thousands of pixels at the largest value, in all channels or in two of them."""
    for lamp in ((9, 9, 9), (9, 9, 5)):
        lit = pair.a.color.copy()
        lit[30:90, 40:120] = lamp
        assert not alarms(check_frame(replace(pair.a, color=lit)))


def test_color_for_a_screen(pair: Pair) -> None:
    """Brighter than a screen's white it is left alone: gloss hides textures too."""
    shown = colored(pair, *(encoded(half.color / (1 + half.color)) for half in (pair.a, pair.b)))
    assert alarms(check_pair(shown)) == {"display color"} == alarms(check_frame(shown.a))
    assert not alarms(check_pair(colored(pair, 2 * shown.a.color, 2 * shown.b.color)))


def rooms(noise: Image) -> Image:
    """`noise` of mean 1 under light that is 300 times as bright on the right as on the left."""
    return np.asarray(noise * np.geomspace(0.1, 30, noise.shape[1])[None, :, None], np.float32)


def test_color_that_ends_as_a_tone_map_does() -> None:
    """Without layers; against the same in other exposures, and sound color of light tails that ends at the same."""
    random = np.random.default_rng(5)
    sound = rooms(random.gamma(3.0, 1 / 3, (150, 200, 3)))
    mapped = encoded(sound / (1 + sound))
    assert alarms(check_frame(Frame(mapped))) == {"display range"}
    assert "ends at 0.9" in by_name(check_frame(Frame(mapped)), "display range").sentence
    even = random.normal(0.6, 0.1, (150, 200, 3)).clip(0.01).astype(np.float32)
    for color in (sound, even):
        ends = color * np.float32(mapped.max() / color.max())
        assert not alarms(check_frame(Frame(ends)))
        ends[20:60, 30:90] = mapped.max()  # without noise: as a lamp that is seen directly
        assert not alarms(check_frame(Frame(ends)))
    assert "display range" not in {finding.name for finding in check_frame(Frame(2 * mapped))}


def test_light_tails_say_nothing_where_there_is_hardly_noise() -> None:
    even = np.random.default_rng(6).uniform(0.93, 0.96, (150, 200, 3)).astype(np.float32)
    assert "display range" not in {finding.name for finding in check_frame(Frame(even))}


def test_albedo_for_a_screen(pair: Pair) -> None:
    assert pair.a.albedo is not None
    shown = Pair(*(replace(half, albedo=encoded(pair.a.albedo)) for half in (pair.a, pair.b)))
    assert alarms(check_pair(shown)) == {"display albedo"} == alarms(check_frame(shown.a))


def test_black_albedo(pair: Pair) -> None:
    black = replace(pair.a, albedo=np.zeros_like(pair.a.color))
    assert alarms(check_frame(black)) == {"black albedo"}
    assert alarms(check_frame(replace(black, normal=None))) == {"black albedo"}


def test_normals_off_length(pair: Pair) -> None:
    assert pair.a.normal is not None
    short = replace(pair.a, normal=pair.a.normal * np.float32(0.8))
    assert alarms(check_frame(short)) == {"normal length"}
    assert alarms(check_frame(pair.a, {"normal": 60000})) >= {"normal length"}  # too long in the file, mended


def test_normals_as_colors(pair: Pair) -> None:
    assert pair.a.normal is not None
    assert alarms(check_frame(replace(pair.a, normal=pair.a.normal / 2 + np.float32(0.5)))) == {"normal range"}


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (-1, 1, -1)])
@pytest.mark.parametrize("known", [True, False])
def test_normals_in_camera_space(pair: Pair, flips: tuple[int, int, int], known: bool) -> None:
    """However the renderer's camera counts its axes, and whether or not the file has the camera."""
    assert pair.a.normal is not None
    normal = (pair.a.normal @ view().to_world[:3, :3] * flips).astype(np.float32)
    findings = check_frame(replace(pair.a, normal=normal, camera=view() if known else None))
    assert alarms(findings) == {"normal space"}
    assert not by_name(findings, "normal space").serious
