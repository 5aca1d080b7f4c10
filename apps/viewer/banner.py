"""A line over the picture that tells of news and errors, and lets one go on working."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from apps.viewer.theme import ACCENT, ERROR

NEWS_MS = 6000  # an error stays until it is closed or another one comes


class Banner(QFrame):
    """Hidden unless it has something to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        close = QToolButton()
        close.setText("x")
        close.setToolTip("Close")
        close.clicked.connect(self.hide)
        layout.addWidget(self._label, 1)
        layout.addWidget(close)
        self._timer = QTimer(self, interval=NEWS_MS, singleShot=True)
        self._timer.timeout.connect(self.hide)
        self.is_error = False
        self.hide()

    def tell(self, sentence: str) -> None:
        """Show news for a while; they do not cover an error."""
        if self.isVisible() and self.is_error:
            return
        self._say(sentence, ACCENT, error=False)
        self._timer.start()

    def complain(self, sentence: str) -> None:
        """Show an error until it is closed."""
        self._timer.stop()
        self._say(sentence, ERROR, error=True)

    def text(self) -> str:
        """What it says, or said last."""
        return self._label.text()

    def _say(self, sentence: str, color: str, error: bool) -> None:
        self.is_error = error
        self._label.setText(sentence)
        self.setStyleSheet(f"QFrame#banner {{ background: {color}; }}")
        self.show()
