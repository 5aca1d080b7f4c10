"""Colors and fonts of the window: neutral mid-dark greys, so that nothing beside a picture tints one's judgement."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QLabel

CANVAS, WINDOW, FIELD, LINE = "#262626", "#333333", "#2a2a2a", "#474747"
TEXT, FAINT, ACCENT = "#dcdcdc", "#9c9c9c", "#5f6b76"
WARNING, ERROR = "#6a5a35", "#6b3f3c"
PLOT_OURS, PLOT_NOISY = "#d8d8d8", "#b08a5a"

STYLE = f"""
QWidget {{ font-size: 12px; }}
QMainWindow, QDockWidget, QMenuBar, QStatusBar, QScrollArea, QWidget#panel {{ background: {WINDOW}; color: {TEXT}; }}
QMenuBar::item {{ padding: 4px 9px; background: transparent; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {ACCENT}; }}
QMenu {{ background: {WINDOW}; border: 1px solid {LINE}; padding: 4px 0; }}
QMenu::item {{ padding: 4px 28px 4px 24px; }}
QMenu::item:disabled {{ color: #777777; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 4px 0; }}
QStatusBar {{ border-top: 1px solid {LINE}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ padding: 1px 7px; }}
QLabel#heading {{ color: {FAINT}; font-size: 11px; font-weight: 600; padding: 10px 0 3px 0; }}
QLabel#faint {{ color: {FAINT}; }}
QAbstractSpinBox, QComboBox {{ min-height: 22px; }}
QComboBox QAbstractItemView {{ background: {FIELD}; border: 1px solid {LINE}; selection-background-color: {ACCENT}; }}
QPushButton {{
    background: #3e3e3e; border: 1px solid {LINE}; border-radius: 3px; padding: 4px 10px; min-height: 17px;
}}
QPushButton:hover {{ background: #484848; }}
QPushButton:pressed {{ background: {FIELD}; }}
QToolTip {{ background: {FIELD}; color: {TEXT}; border: 1px solid {LINE}; padding: 3px; }}
QScrollBar:vertical {{ background: {WINDOW}; width: 9px; margin: 0; }}
QScrollBar::handle:vertical {{ background: #555555; border-radius: 4px; min-height: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
QFrame#banner {{ border: none; }}
QFrame#banner QLabel {{ color: #f0f0f0; padding: 6px 10px; }}
QFrame#banner QToolButton {{ border: none; color: #f0f0f0; padding: 4px 9px; font-size: 14px; }}
QTextBrowser {{ background: {FIELD}; border: 1px solid {LINE}; }}
"""


def apply_theme(application: QApplication) -> None:
    """Give the application its greys; Fusion looks the same everywhere and takes a palette."""
    application.setStyle("Fusion")
    palette = QPalette()
    for role, color in (
        (QPalette.ColorRole.Window, WINDOW),
        (QPalette.ColorRole.Base, FIELD),
        (QPalette.ColorRole.AlternateBase, WINDOW),
        (QPalette.ColorRole.Button, "#3e3e3e"),
        (QPalette.ColorRole.Highlight, ACCENT),
        (QPalette.ColorRole.ToolTipBase, FIELD),
    ):
        palette.setColor(role, QColor(color))
    for name in ("WindowText", "Text", "ButtonText", "HighlightedText", "ToolTipText"):
        palette.setColor(QPalette.ColorRole[name], QColor(TEXT))
    palette.setColor(QPalette.ColorRole.PlaceholderText, QColor(FAINT))
    application.setPalette(palette)
    application.setStyleSheet(STYLE)


def styled_label(text: str, style: str) -> QLabel:
    """A label in one of the styles of the sheet: heading or faint."""
    label = QLabel(text)
    label.setObjectName(style)
    return label
