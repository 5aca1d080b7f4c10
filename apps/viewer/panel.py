"""The panel beside the picture: how frames are made and trained on, and how it goes."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from apps.viewer.plots import Plots
from apps.viewer.requests import RenderSettings
from apps.viewer.theme import styled_label
from apps.viewer.timings import Timings
from denoiser.inference.piloted import pilot_installed
from online.records import FlythroughRecord

WIDTH = 304
LONGEST_SIDES = (320, 480, 640, 960, 1280, 1920)
LEARNING_RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)


class Panel(QScrollArea):
    """Shows and edits `RenderSettings`; `changed` carries them whenever a hand has changed one.

    `scratch`, `shipped`, `load` and `save` are the buttons for weights.
    """

    changed = Signal(object)
    scratch, shipped, load, save = Signal(), Signal(), Signal(), Signal()

    def __init__(self, settings: RenderSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(WIDTH)
        self._make_fields()
        self.plots, self.timings = Plots(), Timings()
        body = QWidget()
        body.setObjectName("panel")
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 2, 12, 10)
        layout.setSpacing(3)
        for title, content in (
            ("RENDERING", self._rendering()),
            ("TRAINING", self._training()),
            ("QUALITY", self.plots),
            ("LAST FRAME", self.timings),
        ):
            layout.addWidget(styled_label(title, "heading"))
            layout.addWidget(content)
        layout.addStretch(1)
        self.setWidget(body)
        self.set_settings(settings)
        self._connect()

    # -----------------------------------------------------------------------------------------------------------------
    # Settings

    def settings(self) -> RenderSettings:
        """As the fields say."""
        by_time = self.budget.currentIndex() == 1
        return RenderSettings(
            spp=self.spp.value(),
            training=self.training.isChecked(),
            train_steps=self.steps.value(),
            train_seconds=self.seconds.value() / 1000 if by_time else None,
            learning_rate=self.learning_rate.currentData(),
            moving_rate=self.moving.value(),
            scale_resting=self.resting.value() / 100,
            longest_side=self.longest_side.currentData(),
            reproject=self.reproject.isChecked(),
            pilot=self.pilot.isChecked(),
            noisy_history=self.noisy_history.isChecked(),
            until_error=self.until_error.value(),
        )

    def set_settings(self, settings: RenderSettings) -> None:
        """Fill the fields."""
        self.spp.setValue(settings.spp)
        self.training.setChecked(settings.training)
        self.steps.setValue(settings.train_steps)
        self.budget.setCurrentIndex(0 if settings.train_seconds is None else 1)
        if settings.train_seconds is not None:
            self.seconds.setValue(round(settings.train_seconds * 1000))
        self.learning_rate.setCurrentIndex(max(0, self.learning_rate.findData(settings.learning_rate)))
        self.moving.setValue(settings.moving_rate)
        self.resting.setValue(round(settings.scale_resting * 100))
        self.longest_side.setCurrentIndex(max(0, self.longest_side.findData(settings.longest_side)))
        self.reproject.setChecked(settings.reproject)
        self.pilot.setChecked(settings.pilot and self.pilot.isEnabled())
        self.noisy_history.setChecked(settings.noisy_history)
        self.until_error.setValue(settings.until_error)
        self._show_budget()

    def show_record(self, record: FlythroughRecord, told: str) -> None:
        """Numbers and plots of a frame that is done, and what is `told` of the samples that its error takes."""
        self.told.setText(told)
        self.told.setVisible(bool(told))
        self.plots.add(record)
        self.timings.show_record(record)

    def show_origin(self, text: str) -> None:
        """Tell where the weights came from."""
        self.origin.setText(text)

    # -----------------------------------------------------------------------------------------------------------------
    # Fields

    def _make_fields(self) -> None:
        self.spp = _number(1, 256, "", "Samples per pixel of each half of a frame's pair; at rest they accumulate.")
        self.moving = _number(
            1, 60, " a second", "Pictures while the camera moves: their size and samples are what there is time for."
        )
        self.resting = _number(10, 100, " %", "Size of the picture once the camera rests, and while it moves at most.")
        self.longest_side = _choice(
            {f"{side} px": side for side in LONGEST_SIDES}, "Longer side of the picture at 100 %, at most."
        )
        self.reproject = QCheckBox("Reproject the last picture")
        self.reproject.setToolTip("Blends the last result into this one, where the same surface is seen: less flicker.")
        self.noisy_history = QCheckBox("Keep samples while moving")
        self.noisy_history.setToolTip(
            "Denoises with the samples of the frames before, where they show the same surface."
        )
        self.until_error = QDoubleSpinBox(minimum=0.0, maximum=0.5, singleStep=0.005, decimals=4)
        self.until_error.setSpecialValueText("go on")
        self.until_error.setKeyboardTracking(False)
        self.until_error.setToolTip(
            "Once the camera rests, add samples until the picture's error, told from the pair, is below this, then "
            "stop: the root mean square error of the tone-mapped picture. 0.01 is 40 dB, 0 goes on without end."
        )
        self.told = styled_label("", "faint")
        self.told.setWordWrap(True)
        self.told.hide()
        self.pilot = QCheckBox("Start from Open Image Denoise")
        self.pilot.setToolTip("Shows its picture, with as much of the network as the pair says it is worth.")
        self.pilot.setEnabled(pilot_installed())
        self.training = QCheckBox("Train while flying (T)")
        self.training.setToolTip("Learn from the noisy pair of every frame.")
        self.budget = _choice({"steps a frame": 0, "milliseconds a frame": 1}, "How much to learn from a frame.")
        self.steps = _number(1, 256, "", "Training steps of every frame.")
        self.seconds = _number(10, 10000, "", "Time for training in every frame.")
        self.seconds.setValue(250)
        self._amount = QStackedWidget()
        self._amount.addWidget(self.steps)
        self._amount.addWidget(self.seconds)
        self._amount.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        rates: dict[str, float | None] = {"as trained": None}
        rates |= {f"{rate:g}": rate for rate in LEARNING_RATES}
        self.learning_rate = _choice(rates, "Step size; 'as trained' keeps the trainer's own.")
        self.origin = styled_label("", "faint")
        self.origin.setWordWrap(True)

    def _rendering(self) -> QWidget:
        box, form = _form()
        form.addRow("Samples per pixel", self.spp)
        form.addRow("Moving, at least", self.moving)
        form.addRow("Size, at rest", self.resting)
        form.addRow("Longest side", self.longest_side)
        form.addRow("Render until error", self.until_error)
        form.addRow(self.told)
        form.addRow(self.reproject)
        form.addRow(self.noisy_history)
        form.addRow(self.pilot)
        return box

    def _training(self) -> QWidget:
        box, form = _form()
        form.addRow(self.training)
        form.addRow(self.budget, self._amount)
        form.addRow("Learning rate", self.learning_rate)
        buttons = QGridLayout()
        buttons.setSpacing(5)
        for index, (text, signal, tip) in enumerate((
            ("From scratch", self.scratch, "Start from random weights."),
            ("Shipped weights", self.shipped, "Start from the weights that come with the program."),
            ("Load …", self.load, "Start from a .safetensors file (Ctrl+L)."),
            ("Save …", self.save, "Save the weights as they are now, for n2n-denoise --model (Ctrl+S)."),
        )):  # fmt: skip
            button = QPushButton(text)
            button.setToolTip(tip)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(signal)
            buttons.addWidget(button, index // 2, index % 2)
        form.addRow(buttons)
        form.addRow(self.origin)
        return box

    def _connect(self) -> None:
        for field in (self.spp, self.moving, self.resting, self.steps, self.seconds, self.until_error):
            field.valueChanged.connect(self._emit)
        for choice in (self.longest_side, self.learning_rate, self.budget):
            choice.currentIndexChanged.connect(self._emit)
        for check in (self.training, self.reproject, self.noisy_history, self.pilot):
            check.toggled.connect(self._emit)

    def _emit(self) -> None:
        self._show_budget()
        self.changed.emit(self.settings())

    def _show_budget(self) -> None:
        self._amount.setCurrentIndex(self.budget.currentIndex())
        for widget in (self.budget, self._amount, self.learning_rate):
            widget.setEnabled(self.training.isChecked())


def _form() -> tuple[QWidget, QFormLayout]:
    box = QWidget()
    form = QFormLayout(box)
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(4)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    form.setHorizontalSpacing(10)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return box, form


def _number(least: int, most: int, suffix: str, tip: str) -> QSpinBox:
    field = QSpinBox(minimum=least, maximum=most, suffix=suffix)
    field.setKeyboardTracking(False)  # 64 typed is 64, not first 6
    field.setToolTip(tip)
    return field


def _choice(entries: Mapping[str, object], tip: str) -> QComboBox:
    choice = QComboBox()
    for text, value in entries.items():
        choice.addItem(text, value)
    choice.setToolTip(tip)
    return choice
