"""The page behind F1: keys and mouse."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

HANDS = (
    ("Fly", "W A S D, up and down with E Q, faster with Shift"),
    ("Look around", "left drag"),
    ("Orbit around the point under the cursor", "right drag, or Alt + left drag"),
    ("Pan", "middle drag"),
    ("Speed of flying", "wheel"),
    ("Go closer to the point under the cursor", "Shift + wheel"),
    ("Zoom into the picture", "Ctrl + wheel"),
    ("Move the zoomed picture", "Ctrl + drag"),
    ("Compare noisy and denoised", "3, then drag the line"),
    ("Open a scene, camera path or weights", "drop the file on the window"),
)


class HelpPage(QDialog):
    """Lists what hands and keys do; stays beside the work and blocks nothing."""

    def __init__(self, menus: list[tuple[str, list[tuple[str, str]]]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and mouse")
        self.resize(560, 640)
        layout = QVBoxLayout(self)
        page = QTextBrowser()
        page.setHtml(help_html([("In the picture", list(HANDS)), *menus]))
        layout.addWidget(page)


def help_html(sections: list[tuple[str, list[tuple[str, str]]]]) -> str:
    """Sections of (what, how) as two-column tables."""
    parts = []
    for title, rows in sections:
        if not rows:
            continue
        cells = "".join(f"<tr><td width='280'>{what}</td><td><b>{how}</b></td></tr>" for what, how in rows)
        parts.append(f"<h4>{title}</h4><table cellpadding='3' cellspacing='0' width='100%'>{cells}</table>")
    return "".join(parts)
