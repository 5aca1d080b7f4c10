"""The demo says what it does when asked, and does nothing then."""

from pathlib import Path

import pytest

from apps.demo import main


def test_help_renders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0 and "out/demo" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
