"""Every error a user can cause or meet, in one tree.

    N2NError
    ├── UsageError      an option's value is outside what is accepted          (exit code 2)
    ├── SceneError      a scene or camera path cannot be loaded or rendered    (exit code 1)
    ├── ExrError        an EXR file cannot be read, or lacks what is needed    (exit code 1)
    ├── DatasetError    a pair folder or run folder does not fit the request   (exit code 1)
    ├── WeightsError    a weights file cannot be used                          (exit code 1)
    ├── OutputError     a result cannot be written                             (exit code 1)
    └── MissingPackageError   an optional package is not installed             (exit code 1)

A message has three parts: which file and what was wrong, what was found, what would be accepted.
Only `apps` catches these.
"""

from __future__ import annotations


class N2NError(Exception):
    """Base of all errors of this project that a user should read as one sentence."""


class UsageError(N2NError):
    """An option's value, or a combination of options, is not accepted."""


class SceneError(N2NError):
    """A scene or a camera path cannot be loaded or rendered."""


class ExrError(N2NError):
    """An EXR file cannot be read, or lacks a layer that is needed."""


class DatasetError(N2NError):
    """A folder of pairs, or a run folder, does not fit what was asked of it."""


class WeightsError(N2NError):
    """A weights file is damaged, hostile or made for another network."""


class OutputError(N2NError):
    """A result cannot be written: no permission, full disk, a folder in the way."""


class MissingPackageError(N2NError):
    """An optional package is not installed; the message names the extra that brings it."""


class N2NWarning(UserWarning):
    """Something was done differently from what was asked, and the user should know; one sentence."""
