"""The window, driven as a person would: with a fake renderer, and once with Mitsuba on the built-in scene."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import contextlib
import json
import time

import numpy as np
import pytest
from fake_renderer import camera_at
from fake_viewer import FakeScenes
from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent, QFocusEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QMenu

from apps.viewer.events import DroppedFiles
from apps.viewer.export import Export
from apps.viewer.pace import Pace
from apps.viewer.paths import PathRecorder
from apps.viewer.picture import MODES
from apps.viewer.requests import RenderSettings
from apps.viewer.scene import mitsuba_opener
from apps.viewer.settings import Settings
from apps.viewer.theme import apply_theme
from apps.viewer.window import ViewerWindow
from denoiser.model import load_model
from online.trainer import OnlineConfig
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE

SMALL = OnlineConfig(init="", crop=32, batch=1, memory_mib=16, precision="fp32")
QUICK = {"train_seconds": None, "train_steps": 1, "spp": 1}
PATIENCE_MS = 60_000  # a busy machine; a frame of the fake takes some hundredths of a second
CLOSING_MS = 30_000


@pytest.fixture
def scenes() -> FakeScenes:
    return FakeScenes()


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(QSettings(str(tmp_path / "viewer.ini"), QSettings.Format.IniFormat))


class Heard(QObject):
    """Keeps all that a window's threads say. A QObject that stays: PySide calls a plain function that was disconnected
    while a signal from another thread was on its way, as qtbot.waitSignal does, after it is gone."""

    def __init__(self, window: ViewerWindow) -> None:
        super().__init__(window)
        self.records, self.notices, self.failures, self.trainers, self.scenes, self.modes = [], [], [], [], [], []
        window.session.worker.record.connect(self.hear_record)
        window.session.worker.notice.connect(self.hear_notice)
        window.session.worker.failed.connect(self.hear_failure)
        window.session.worker.trainer_changed.connect(self.hear_trainer)
        window.session.worker.scene_opened.connect(self.hear_scene)
        window.display.pictures.made.connect(self.hear_picture)

    def hear_record(self, record) -> None:
        self.records.append(record)

    def hear_notice(self, sentence) -> None:
        self.notices.append(sentence)

    def hear_failure(self, sentence) -> None:
        self.failures.append(sentence)

    def hear_trainer(self, init) -> None:
        self.trainers.append(init)

    def hear_scene(self, scene) -> None:
        self.scenes.append(scene)

    def hear_picture(self, frame) -> None:
        self.modes.append(frame.shown.look.mode)


def new_window(qtbot, opener, settings) -> ViewerWindow:
    apply_theme(QApplication.instance())
    made = ViewerWindow(opener, SMALL, settings, **QUICK)
    qtbot.addWidget(made)
    made.heard = Heard(made)
    made.show()
    return made


@pytest.fixture
def empty(qtbot, scenes, settings):
    """A window without a scene."""
    made = new_window(qtbot, scenes, settings)
    yield made
    for renderer in scenes.renderers:
        renderer.gate.set()
    made.close()
    assert made.finish(CLOSING_MS)


@pytest.fixture
def window(qtbot, empty, tmp_path):
    """A window that shows frames of a fake scene."""
    empty.session.open_scene(tmp_path / "first.xml")
    frames(qtbot, empty, 1)
    return empty


def frames(qtbot, window, count, where=lambda record: True) -> None:
    """Wait for so many more frames that fit."""
    first = len(window.heard.records)
    qtbot.waitUntil(
        lambda: sum(bool(where(each)) for each in window.heard.records[first:]) >= count, timeout=PATIENCE_MS
    )


@contextlib.contextmanager
def hearing(qtbot, told, what=None):
    """Do something, and wait until `told` holds something new, or `what` anew."""
    first = len(told)
    yield
    qtbot.waitUntil(lambda: len(told) > first if what is None else what in told[first:], timeout=PATIENCE_MS)


def pixels(window) -> np.ndarray:
    """What the canvas shows, (H, W, 3)."""
    image = window.display.canvas.grab().toImage()
    return np.array(image.constBits()).reshape(image.height(), image.bytesPerLine() // 4, 4)[:, : image.width(), :3]


# ---------------------------------------------------------------------------------------------------------------------
# Flying


def test_the_picture_is_small_while_the_camera_moves_and_grows_at_rest(qtbot, window) -> None:
    window.session.pace = Pace(rate=1, work=32 * 24)
    qtbot.keyPress(window.display.canvas, Qt.Key.Key_W)
    frames(qtbot, window, 1, lambda record: record.request.moving and record.pair.a.size == (24, 32))
    qtbot.keyRelease(window.display.canvas, Qt.Key.Key_W)
    frames(qtbot, window, 2, lambda record: record.pair.a.size == (48, 64) and not record.request.moving)
    frames(qtbot, window, 1, lambda record: record.accumulated >= 3)


def test_a_slow_frame_in_motion_makes_the_next_ones_smaller(qtbot, window, monkeypatch) -> None:
    monkeypatch.setattr("apps.viewer.pace.LEAST_WORK", 256.0)
    window.session.pace = Pace(rate=1000, work=64 * 48)  # nothing is as fast as that
    qtbot.keyPress(window.display.canvas, Qt.Key.Key_W)
    frames(qtbot, window, 1, lambda record: record.request.moving and record.pair.a.size[0] < 48)
    qtbot.keyRelease(window.display.canvas, Qt.Key.Key_W)


def test_a_resting_picture_that_is_good_enough_is_rendered_no_further(qtbot, window, scenes) -> None:
    window.panel.until_error.setValue(0.5)  # black for white is an error of 1
    frames(qtbot, window, 1, lambda record: record.told_error is not None)
    qtbot.wait(300)  # one frame may be on its way
    renders = scenes.renderers[0].renders
    qtbot.wait(500)
    assert scenes.renderers[0].renders == renders
    assert "spp" in window.panel.told.text()
    window.panel.until_error.setValue(0.0)  # without end
    frames(qtbot, window, 3, lambda record: record.told_error is None)
    assert window.panel.told.text() == ""


def test_keys_fly_and_letting_go_stops(qtbot, window) -> None:
    before = window.session.navigator.camera.origin
    qtbot.keyPress(window.display.canvas, Qt.Key.Key_W)
    qtbot.wait(200)
    qtbot.keyRelease(window.display.canvas, Qt.Key.Key_W)
    moved = window.session.navigator.camera.origin - before
    assert moved @ window.session.navigator.camera.to_world[:3, 2] > 0.01
    qtbot.wait(100)
    assert np.array_equal(window.session.navigator.camera.origin - before, moved)
    camera = window.session.navigator.camera
    frames(qtbot, window, 1, lambda record: np.array_equal(record.request.camera.to_world, camera.to_world))


def test_keys_fly_from_a_spin_box_too(qtbot, window) -> None:
    before = window.session.navigator.camera.origin
    window.panel.spp.setFocus()
    qtbot.keyPress(window.panel.spp, Qt.Key.Key_D)
    qtbot.wait(100)
    qtbot.keyRelease(window.display.canvas, Qt.Key.Key_D)
    assert np.linalg.norm(window.session.navigator.camera.origin - before) > 0


def test_losing_the_focus_stops_flying(qtbot, window) -> None:
    qtbot.keyPress(window.display.canvas, Qt.Key.Key_W)
    QApplication.sendEvent(window.display.canvas, QFocusEvent(QEvent.Type.FocusOut))
    assert not window.session.navigator._flight.isActive()


def test_dragging_looks_around_orbits_and_pans(qtbot, window) -> None:
    for button, turns, moves in (
        (Qt.MouseButton.LeftButton, True, False),
        (Qt.MouseButton.RightButton, True, True),
        (Qt.MouseButton.MiddleButton, False, True),
    ):
        before = window.session.navigator.camera.to_world
        _drag(qtbot, window.display.canvas, QPoint(300, 300), QPoint(340, 310), button)
        after = window.session.navigator.camera.to_world
        assert (not np.allclose(before[:3, :3], after[:3, :3])) == turns
        assert (not np.allclose(before[:3, 3], after[:3, 3])) == moves


def test_the_wheel_changes_the_speed_and_with_shift_goes_closer(qtbot, window) -> None:
    speed, origin = window.session.navigator.speed, window.session.navigator.camera.origin
    _wheel(window.display.canvas, 120)
    assert window.session.navigator.speed == pytest.approx(1.2 * speed)
    _wheel(window.display.canvas, 120, Qt.KeyboardModifier.ShiftModifier)
    assert not np.allclose(window.session.navigator.camera.origin, origin)


def test_home_goes_back_and_the_menu_knows_the_cameras(qtbot, window, scenes) -> None:
    window.menus.cameras.actions()[1].trigger()
    assert np.array_equal(window.session.navigator.camera.to_world, camera_at(0.5, 1.0).to_world)
    qtbot.keyClick(window, Qt.Key.Key_Home)
    assert np.array_equal(window.session.navigator.camera.to_world, camera_at().to_world)
    frames(qtbot, window, 1)


# ---------------------------------------------------------------------------------------------------------------------
# Paths


def test_a_path_plays_to_its_end(qtbot, window, tmp_path) -> None:
    recorder = PathRecorder(3.0)
    recorder.add(0.0, camera_at())
    recorder.add(0.3, camera_at(0.4, 0.5))
    recorder.save(tmp_path / "path.json")
    window.session.open_file(tmp_path / "path.json")
    assert window.session.navigator.playing
    qtbot.waitUntil(lambda: not window.session.navigator.playing, timeout=PATIENCE_MS)
    assert window.session.navigator.camera.to_world == pytest.approx(camera_at(0.4, 0.5).to_world, abs=1e-5)


def test_a_path_that_is_none_is_a_message(window, tmp_path) -> None:
    (tmp_path / "path.json").write_text("{}")
    window.session.open_file(tmp_path / "path.json")
    assert window.banner.isVisible() and "not a camera path" in window.banner.text()


def test_recording_saves_a_path(qtbot, window, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        "apps.viewer.dialogs.QFileDialog.getSaveFileName", lambda *_: (str(tmp_path / "own"), "")
    )  # the ending is added
    window.menus.record.trigger()
    qtbot.keyPress(window.display.canvas, Qt.Key.Key_W)
    qtbot.wait(600)
    qtbot.keyRelease(window.display.canvas, Qt.Key.Key_W)
    window.menus.record.trigger()
    assert len(json.loads((tmp_path / "own.json").read_text())["keyframes"]) >= 3
    assert not window.menus.record.isChecked()


# ---------------------------------------------------------------------------------------------------------------------
# The picture


def test_modes_by_key_show_other_pictures(qtbot, window) -> None:
    window.toggle_pause()
    pictures = []
    for index, mode in enumerate(MODES):
        with hearing(qtbot, window.heard.modes, mode):
            qtbot.keyClick(window, Qt.Key(Qt.Key.Key_1.value + index))
        pictures.append(pixels(window))
    assert len({picture.tobytes() for picture in pictures}) == len(MODES)
    assert window.menus.modes["error"].isChecked()


def test_the_divider_follows_the_hand(qtbot, window) -> None:
    with hearing(qtbot, window.heard.modes, "split"):
        window.display.set_look(mode="split")
    canvas, camera = window.display.canvas, window.session.navigator.camera
    left, _, width, _ = canvas.placement.rectangle
    middle = canvas.height() // 2
    _drag(qtbot, canvas, QPoint(round(left + width / 2), middle), QPoint(round(left + width / 4), middle))
    assert canvas.divider == pytest.approx(0.25, abs=0.01)  # whole screen pixels
    assert window.session.navigator.camera is camera


def test_zoom_pan_and_reset(qtbot, window) -> None:
    canvas = window.display.canvas
    _wheel(canvas, 1200, Qt.KeyboardModifier.ControlModifier)
    assert canvas.placement.zoom > 2
    before = canvas.placement.rectangle
    _drag(qtbot, canvas, QPoint(200, 200), QPoint(230, 190), modifier=Qt.KeyboardModifier.ControlModifier)
    assert canvas.placement.rectangle[0] == pytest.approx(before[0] + 30)
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert canvas.placement.zoom == 1


def test_values_under_the_cursor(qtbot, window) -> None:
    qtbot.waitUntil(lambda: window.display.canvas.frame is not None, timeout=PATIENCE_MS)
    qtbot.mouseMove(window.display.canvas, window.display.canvas.rect().center())
    assert all(name in window.status.text() for name in ("radiance", "albedo", "normal", "position", "depth"))


def test_exposure_and_tone_map(qtbot, window) -> None:
    qtbot.keyClick(window, Qt.Key.Key_Plus)
    qtbot.keyClick(window, Qt.Key.Key_Plus)
    qtbot.keyClick(window, Qt.Key.Key_Minus)
    window.menus.tone_maps["filmic"].trigger()
    assert (window.display.look.exposure, window.display.look.tone_map) == (0.5, "filmic")
    qtbot.keyClick(window, Qt.Key.Key_0)
    assert window.display.look.exposure == 0


def test_panel_full_screen_and_help(qtbot, window) -> None:
    qtbot.keyClick(window, Qt.Key.Key_Tab)
    assert not window.dock.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_F11)
    assert window.isFullScreen() and not window.menuBar().isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isFullScreen()
    qtbot.keyClick(window, Qt.Key.Key_F1)
    listed = dict(entry for _, entries in window.menus.all_actions() for entry in entries)
    shortcuts = [action for menu in window.menuBar().findChildren(QMenu) for action in menu.actions()]
    assert listed["Pause"] == "Space"
    assert len(listed) == sum(not action.shortcut().isEmpty() for action in shortcuts)


# ---------------------------------------------------------------------------------------------------------------------
# Rendering and training


def test_pause_stands_still_and_goes_on(qtbot, window, scenes) -> None:
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.wait(500)  # the frame in progress may end
    renders = scenes.renderers[0].renders
    qtbot.wait(300)
    assert scenes.renderers[0].renders == renders
    qtbot.keyClick(window, Qt.Key.Key_Space)
    frames(qtbot, window, 1)


def test_settings_of_the_panel_reach_the_frames(qtbot, window) -> None:
    window.panel.spp.setValue(3)
    window.panel.budget.setCurrentIndex(0)
    window.panel.steps.setValue(2)
    frames(qtbot, window, 1, lambda record: record.request.spp == 3 and len(record.losses) == 2)
    window.panel.training.setChecked(False)
    frames(qtbot, window, 1, lambda record: record.request.spp == 3 and not record.losses)
    qtbot.waitUntil(lambda: window.panel.timings.text("frames") == str(window.session.record.index + 1))


def test_weights_are_saved_and_loaded(qtbot, window, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    with hearing(qtbot, window.heard.notices):
        window.session.save_weights(path)
    assert load_model(path).input.layers == ("color", "albedo", "normal")
    with hearing(qtbot, window.heard.trainers, str(path)):
        window.session.open_file(path)
    frames(qtbot, window, 1)


def test_saving_does_not_lose_accumulated_samples(qtbot, window, tmp_path) -> None:
    # At full size: before it rests the window shows small frames, which may add up as well until then.
    frames(qtbot, window, 1, lambda record: record.accumulated >= 3 and record.request.camera.resolution == (64, 48))
    with hearing(qtbot, window.heard.notices):
        window.session.save_weights(tmp_path / "model.safetensors")
    with hearing(qtbot, window.heard.records):
        pass
    assert window.heard.records[-1].accumulated >= 3


def test_weights_that_are_none_are_a_message_and_training_goes_on(qtbot, window, tmp_path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    steps = window.session.record.steps
    with hearing(qtbot, window.heard.failures):
        window.session.open_file(tmp_path / "model.safetensors")
    assert "model.safetensors" in window.banner.text()
    frames(qtbot, window, 1, lambda record: record.steps > steps)


def test_a_frame_is_exported_as_exr_and_png(qtbot, window, tmp_path) -> None:
    frames(qtbot, window, 1, lambda record: record.pair.a.size == (48, 64))
    record = window.session.record  # the one that is written, whatever comes while it is
    for name in ("frame.exr", "frame.png"):
        with hearing(qtbot, window.heard.notices):
            window.export(tmp_path / name)
    frame, _ = read_frame(tmp_path / "frame.exr", position=True)
    assert np.array_equal(frame.color, record.denoised.color)
    assert frame.spp == 2 * record.pair.a.spp
    assert frame.position is not None
    assert (tmp_path / "frame.png").stat().st_size > 0
    window.export(tmp_path / "frame.jpg")
    assert "must end in" in window.banner.text()


def test_a_png_is_what_is_shown(window, tmp_path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    Export(tmp_path / "frame.png", window.session.record, window.display.look).write()
    height, width = window.session.record.pair.a.size
    assert imageio.imread(tmp_path / "frame.png").shape == (height, width, 3)


# ---------------------------------------------------------------------------------------------------------------------
# Scenes


def test_an_empty_window_says_what_to_do(qtbot, empty) -> None:
    qtbot.waitUntil(lambda: "Open a scene" in empty.display.canvas._message, timeout=PATIENCE_MS)


def test_a_broken_scene_is_a_message_and_the_old_one_goes_on(qtbot, window, scenes, tmp_path) -> None:
    with hearing(qtbot, window.heard.failures):
        _drop(window, tmp_path / "broken.xml")
    assert window.banner.isVisible() and "unknown plugin" in window.banner.text()
    assert window.session.scene.path.stem == "first"
    frames(qtbot, window, 2)
    assert len(scenes.renderers) == 1


def test_another_scene_takes_over_and_is_remembered(qtbot, window, scenes, tmp_path) -> None:
    with hearing(qtbot, window.heard.scenes):
        _drop(window, tmp_path / "second.xml")
    renders = scenes.renderers[0].renders
    frames(qtbot, window, 2)
    assert scenes.renderers[0].renders == renders
    assert "second" in window.windowTitle()
    assert [action.text() for action in window.menus.recent.actions()] == [
        str(tmp_path / "second.xml"),
        str(tmp_path / "first.xml"),
    ]


def test_an_error_while_rendering_is_told_once_and_the_next_camera_is_tried(qtbot, window, scenes, monkeypatch) -> None:
    told = window.heard.failures
    render = scenes.renderers[0].render
    monkeypatch.setattr(scenes.renderers[0], "render", lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory")))
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE_MS)
    qtbot.wait(200)
    assert len(told) <= 2  # coming to rest may have asked once more
    monkeypatch.setattr(scenes.renderers[0], "render", render)
    window.session.enter_camera(1)
    frames(qtbot, window, 1)


# ---------------------------------------------------------------------------------------------------------------------
# The end


def test_closing_while_rendering_does_not_wait(qtbot, window, scenes) -> None:
    renderer = scenes.renderers[0]
    renderer.gate.clear()
    assert renderer.waiting.wait(PATIENCE_MS / 1000)
    start = time.perf_counter()
    window.close()
    assert not window.isVisible()
    assert time.perf_counter() - start < 1.0
    assert not window.finish(50)  # the render cannot be interrupted
    renderer.gate.set()
    assert window.finish(CLOSING_MS)


def test_settings_are_kept(qtbot, window, settings) -> None:
    window.panel.spp.setValue(5)
    window.panel.budget.setCurrentIndex(1)
    window.panel.learning_rate.setCurrentIndex(2)
    window.display.set_look(tone_map="sRGB", mode="albedo")
    window.close()
    kept = settings.render_settings()
    assert kept == window.session.settings
    assert (kept.spp, kept.learning_rate) == (5, 3e-5)
    assert settings.look().tone_map == "sRGB"


def test_settings_that_make_no_sense_are_the_defaults(tmp_path) -> None:
    store = QSettings(str(tmp_path / "bad.ini"), QSettings.Format.IniFormat)
    store.setValue("render/spp", "many")
    store.setValue("render/moving_rate", "-3")
    store.setValue("render/learning_rate", "fast")
    assert Settings(store).render_settings() == RenderSettings()


def test_the_built_in_scene(qtbot, settings, tmp_path) -> None:
    """Mitsuba, from its variant to a saved picture, in the worker's thread."""
    window = new_window(qtbot, mitsuba_opener(width=48, height=36), settings)
    window.session.open_scene(BUILTIN_SCENE)
    frames(qtbot, window, 2, lambda record: record.pair.a.size == (36, 48) and record.losses)
    assert window.session.scene.name == "builtin"
    window.export(tmp_path / "frame.exr")
    qtbot.waitUntil((tmp_path / "frame.exr").exists, timeout=PATIENCE_MS)
    (tmp_path / "bad.xml").write_text("<scene version='3.0.0'><shape type='no_such_shape'/></scene>")
    with hearing(qtbot, window.heard.failures):
        window.session.open_scene(tmp_path / "bad.xml")
    assert "no_such_shape" in window.banner.text()
    frames(qtbot, window, 1)
    window.close()
    assert window.finish(CLOSING_MS)


# ---------------------------------------------------------------------------------------------------------------------
# Hands


def _drag(qtbot, widget, start, end, button=Qt.MouseButton.LeftButton, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    for kind, position, held in (
        (QEvent.Type.MouseButtonPress, start, button),
        (QEvent.Type.MouseMove, end, button),
        (QEvent.Type.MouseButtonRelease, end, Qt.MouseButton.NoButton),
    ):
        point = QPointF(position)
        QApplication.sendEvent(
            widget, QMouseEvent(kind, point, QPointF(widget.mapToGlobal(position)), button, held, modifier)
        )


def _wheel(widget, delta, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    point = QPointF(widget.rect().center())
    event = QWheelEvent(
        point, point, QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, modifier, Qt.ScrollPhase.NoScrollPhase, False
    )
    QApplication.sendEvent(widget, event)


def _drop(window, path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.findChild(DroppedFiles).eventFilter(window, event)  # Qt itself delivers a drop only after a whole drag
