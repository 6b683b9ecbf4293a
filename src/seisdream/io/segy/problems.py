"""What looks wrong in a SEG-Y file, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Something that looks wrong in a file, and what to do about it.

    Attributes
    ----------
    what, fix : str
        A sentence each.
    is_fatal : bool
        Whether it prevents opening a section.
    code : str
        Code of the error that it becomes if it is fatal.
    is_noted : bool
        Whether every command that opens the file prints it as a note, and not only `seisdream info`.
    option : str, optional
        Python name of the argument that corrects it.
    """

    what: str
    fix: str
    is_fatal: bool = False
    code: str = "no-geometry"
    is_noted: bool = False
    option: str | None = None
