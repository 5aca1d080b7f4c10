"""The thread that owns renderer and device: scenes, trainer and the flythrough live and die in it.

The window talks to it in two ways: requests for frames through the mailbox, in which the newest wins, and commands
through a queue, each done between two frames. It answers with signals.
"""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from apps.viewer.export import Export
from apps.viewer.mailbox import Mailbox
from apps.viewer.scene import OpenedScene, SceneOpener, try_scene
from online.flythrough import flythrough
from online.records import FrameRequest
from online.trainer import OnlineConfig, OnlineTrainer
from renderer_bridge.errors import N2NError, N2NWarning

NICENESS = 5  # the threads that render and train step back before the one that draws the window
WARNINGS_TOLD = 3


class ViewerWorker(QThread):
    """Makes a record of every request in `mailbox`, until `stop`.

    `record` carries a `FlythroughRecord`, `scene_opened` an `OpenedScene`, `trainer_changed` what it started from.
    `notice` is news in one sentence, `failed` what went wrong in one; the old scene and trainer then go on. `busy` is
    what takes long just now, "" when it is over.
    """

    record = Signal(object)
    scene_opened = Signal(object)
    trainer_changed = Signal(str)
    notice = Signal(str)
    failed = Signal(str)
    busy = Signal(str)

    def __init__(self, open_scene: SceneOpener, config: OnlineConfig, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.mailbox = Mailbox()
        self._opener = open_scene
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._scene: OpenedScene | None = None
        self._trainer: OnlineTrainer | None = None
        self._changed = False
        self._frames = 0
        self.new_trainer(config)

    # -----------------------------------------------------------------------------------------------------------------
    # For the window's thread

    def open_scene(self, path: Path) -> None:
        """Load a scene and render it from then on, if it renders at all."""
        self._order(partial(self._open_scene, path))

    def new_trainer(self, config: OnlineConfig) -> None:
        """Start learning anew, from `config.init`."""
        self._order(partial(self._new_trainer, config))

    def save_weights(self, path: Path) -> None:
        """Write the weights as they are after the frame in progress."""
        self._order(partial(self._save_weights, path))

    def export(self, task: Export) -> None:
        """Write a picture to a file."""
        self._order(partial(self._export, task))

    def stop(self) -> None:
        """End after the frame in progress; does not wait for it."""
        self._order(self.mailbox.close)  # a thread that waits for a command takes this one
        self.mailbox.close()

    def _order(self, command: Callable[[], None]) -> None:
        self._commands.put(command)
        self.mailbox.wake()

    # -----------------------------------------------------------------------------------------------------------------
    # In the worker's own thread

    def run(self) -> None:
        """Do commands and make frames until stopped; nothing that fails ends the thread."""
        _step_back()
        while not self.mailbox.closed:
            with self._reporting("Rendering"):
                self._fly()
                continue
            self.mailbox.forget()  # or the same frame would fail again at once, and for ever

    def _fly(self) -> None:
        """One flythrough: ends when the scene or the trainer is another one."""
        self._changed = False
        if self._scene is None or self._trainer is None:
            self._do(self._commands.get())
            return
        records = flythrough(
            self._scene.renderer,
            self._requests(),
            self._trainer,
            first=self._frames,
            outdated=lambda: self.mailbox.waiting or self.mailbox.closed,
        )
        with contextlib.closing(records):
            for record in records:
                self._frames = record.index + 1
                record.fetch()
                self.record.emit(record)

    def _requests(self) -> Iterator[FrameRequest]:
        """Requests as they come, commands done in between; ends when the flythrough must begin anew."""
        while not self.mailbox.closed:
            self._do_commands()
            if self._changed:
                return
            request = self.mailbox.take()
            if request is not None:
                yield request

    def _do_commands(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._do(self._commands.get_nowait())

    def _do(self, command: Callable[[], None]) -> None:
        with self._reporting("This"):
            command()
        self.busy.emit("")

    def _open_scene(self, path: Path) -> None:
        self.busy.emit(f"Loading {path.name} …")
        with self._warnings_told():
            scene = self._opener(path)
            self.busy.emit(f"Compiling kernels for {scene.name} …")
            try_scene(scene)
        self._scene, self._changed = scene, True
        if self._trainer is not None:
            self._trainer.memory.views.clear()  # pairs of another scene would take most of the training steps
        self.mailbox.forget()  # what lies there is a view of the old scene
        self.scene_opened.emit(scene)

    def _new_trainer(self, config: OnlineConfig) -> None:
        self.busy.emit("Preparing the network …")
        self._trainer, self._changed = OnlineTrainer(config), True
        gc.freeze()  # torch is loaded by now; a search for garbage among its objects would stop all threads for 0.2 s
        self.trainer_changed.emit(config.init)

    def _save_weights(self, path: Path) -> None:
        if self._trainer is None:
            raise N2NError(f"{path}: there are no weights yet; open a scene first")
        self._trainer.save_weights(path)
        self.notice.emit(f"Weights saved to {path}")

    def _export(self, task: Export) -> None:
        task.write()
        self.notice.emit(f"Frame saved to {task.path}")

    @contextlib.contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Tell the user of an error in one sentence; one that is our own also leaves its traceback on stderr."""
        try:
            yield
        except N2NError as error:
            self.failed.emit(str(error))
        except Exception as error:  # the thread must outlive whatever torch or Mitsuba throw
            traceback.print_exc(file=sys.stderr)
            self.failed.emit(f"{what} failed: {type(error).__name__}: {error}")

    @contextlib.contextmanager
    def _warnings_told(self) -> Iterator[None]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", N2NWarning)
            yield
        told = list(dict.fromkeys(str(each.message) for each in caught if issubclass(each.category, N2NWarning)))
        if told:
            more = f" (and {len(told) - WARNINGS_TOLD} more warnings)" if len(told) > WARNINGS_TOLD else ""
            self.notice.emit("; ".join(told[:WARNINGS_TOLD]) + more)


def _step_back() -> None:
    """Lower the priority of this thread, and of those that torch and Dr.Jit start from it; on Linux, per thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
