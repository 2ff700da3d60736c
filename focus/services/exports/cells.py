"""Cells of text files: numbers as short as they can be exact, and texts that a spreadsheet does not run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

# The apostrophe itself too, so that taking one off again always gives the text that was there.
_STARTS_FORMULA: Final = ("'", "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")


def safe_text(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet could run it as a formula, blanks in front ignored.

    For what people or clients wrote: titles, markers, names. Numbers are written as they are.

    References
    ----------
    OWASP, CSV injection: a cell that begins with one of = + - @ tab or return can be run.
    """
    is_risky = text.startswith(_STARTS_FORMULA) or text.lstrip(" \u00a0\u3000\ufeff").startswith(_STARTS_FORMULA)
    return f"'{text}" if is_risky else text


def number_texts(values: npt.NDArray[np.generic]) -> list[str]:
    """Numbers with as many digits as their type needs to be read back the same; NaN is an empty text."""
    texts: list[str] = values.astype(np.str_).tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return ["" if text == "nan" else text for text in texts]
    return texts


def id_texts(numbers: npt.NDArray[np.int64]) -> list[str]:
    """Numbers of events; 0, which is none, is an empty text."""
    return [str(number) if number else "" for number in numbers.tolist()]


class TableWriter:
    """Rows of a text table into a file of bytes."""

    def __init__(self, file: BinaryIO, header: Sequence[str], *, delimiter: str = ",", has_header: bool = True) -> None:
        self._file = file
        self._delimiter = delimiter
        if has_header:
            self.row(header)

    def row(self, cells: Iterable[str]) -> None:
        """One row of any texts, quoted where they need it."""
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        self._file.write(line.getvalue().encode())

    def columns(self, columns: Sequence[Sequence[str]]) -> None:
        """Many rows, given as columns of texts that need no quotes."""
        join = self._delimiter.join
        self._file.write("".join(join(row) + "\n" for row in zip(*columns, strict=True)).encode())
