"""What all commands share: SIGTERM stops them as Ctrl-C does."""

import os
import signal
import time

import pytest

from apps.command import INTERRUPTED, run


def test_sigterm_interrupts_as_ctrl_c_does(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def command() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)  # ended by the signal

    assert run(command) == INTERRUPTED
    assert capfd.readouterr().err == "interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is before
