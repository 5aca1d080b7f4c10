"""Shares lie within one another, no training sees what is held out, and the command trains and goes on."""

from pathlib import Path

import pytest
from toy_pairs import write_toy_pairs

from apps.ablate import AblateConfig, main, plan
from denoiser.training.checkpoint import MODEL
from denoiser.training.config import TrainConfig
from renderer_bridge.errors import UsageError

SCENES = tuple(Path(f"set/scene{index:02d}") for index in range(21))


def test_shares_are_nested_and_nothing_held_out_is_trained_on() -> None:
    held_out, trainings = plan(AblateConfig(SCENES, Path("out"), held_out=5))
    quarter, half, everything = (set(trainings[f"share-{share}"]) for share in ("0.25", "0.5", "1"))
    assert [len(each) for each in (held_out, quarter, half, everything)] == [5, 4, 8, 16]
    assert quarter < half < everything and everything | set(held_out) == set(SCENES)
    assert not everything & set(held_out)


def test_the_choice_follows_from_the_seed_and_not_from_the_order_given() -> None:
    first = plan(AblateConfig(SCENES, Path("out"), held_out=5))
    assert plan(AblateConfig(SCENES[::-1], Path("elsewhere"), held_out=5)) == first
    assert plan(AblateConfig(SCENES, Path("out"), held_out=5, config=TrainConfig(seed=1))) != first


def test_other_targets_are_of_the_scenes_of_the_smallest_share() -> None:
    _, trainings = plan(AblateConfig(SCENES, Path("out"), held_out=5, targets=(Path("set-8spp"),)))
    assert trainings["set-8spp"] == tuple(Path("set-8spp") / scene.name for scene in trainings["share-0.25"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"held_out": 21}, "--held-out is 21 of 21 scenes; at least 1, and not all"),
        ({"held_out": 0}, "--held-out is 0 of 21"),
        ({"shares": (0.5, 1.5)}, "--shares 0.5 1.5: numbers above 0 and up to 1"),
        ({"shares": ()}, "--shares"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plan(AblateConfig(SCENES, Path("out"), **{"held_out": 5, **changes}))  # type: ignore[arg-type]


def test_the_command_trains_each_and_says_how_to_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = [str(write_toy_pairs(tmp_path / f"scene{index}", 2)) for index in range(3)]
    command = [*scenes, "-o", str(tmp_path / "out"), "--held-out", "1", "--shares", "0.5", "1", "--steps", "1"]
    options = ["--batch", "1", "--crop", "32", "--validation-views", "0"]
    assert main([*command, *options]) == 0
    models = [tmp_path / "out" / name / MODEL for name in ("share-0.5", "share-1")]
    told, before = capsys.readouterr().out, [model.read_bytes() for model in models]
    assert told.startswith("n2n-eval ") and all(f"--model {model}" in told for model in models)
    assert main([*command, *options]) == 0 and [model.read_bytes() for model in models] == before
