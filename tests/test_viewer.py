"""The command n2n-viewer: exit codes, messages, and an end within two seconds."""

import os
import subprocess
import sys
import time

import pytest

from apps.viewer import ViewerConfig, main

LONGEST_END_S = 2.0
SLACK_S = 0.5  # for the system to take down a process of 1 GB

CLOSE_WHILE_RENDERING = """
import sys, time
from PySide6.QtCore import QTimer
from apps import viewer

open_window = viewer._open
def open_and_close(config):
    application, window = open_window(config)
    def close():
        print(time.time(), flush=True)
        window.close()
    window.session.worker.scene_opened.connect(lambda scene: QTimer.singleShot(1500, close))
    return application, window
viewer._open = open_and_close
sys.exit(viewer.main(["--spp", "200", "--width", "640", "--height", "480", "--from-scratch"]))
"""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.xml"], 1, "nowhere.xml: no such file"),
        (["--weights", "nowhere.safetensors"], 1, "nowhere.safetensors"),
        (["--spp", "0"], 2, "--spp 0"),
        (["-D", "size"], 2, "-D size"),
    ],
)
def test_what_cannot_work_is_one_sentence_before_any_window(arguments, code, message, capsys) -> None:
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_package_names_the_extra(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    assert main([]) == 1
    assert "n2n-denoiser[viewer]" in capsys.readouterr().err


def test_the_built_in_scene_is_the_default() -> None:
    assert ViewerConfig().scene.is_file()


@pytest.mark.slow
def test_closing_during_a_long_render_ends_soon(tmp_path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path)}
    command = [sys.executable, "-c", CLOSE_WHILE_RENDERING]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert time.time() - float(done.stdout) < LONGEST_END_S + SLACK_S
    assert (tmp_path / "n2n-denoiser" / "n2n-viewer.conf").is_file()  # settings are kept all the same
