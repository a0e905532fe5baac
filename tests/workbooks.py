"""Workbooks as no program that means well writes them."""

from __future__ import annotations

import io
import struct
import zipfile

import openpyxl

_CENTRAL = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"


def packed(*, flags: int = 0, method: int = 0) -> bytes:
    """Return a workbook whose parts say they are packed this way: flag 1 means with a password."""
    book, made = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(book)
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(made, "w") as target:
        for part in source.namelist():
            target.writestr(part, source.read(part))
    content = bytearray(made.getvalue())
    for mark, start in ((_LOCAL, 6), (_CENTRAL, 8)):
        at = content.find(mark)
        while at >= 0:
            struct.pack_into("<HH", content, at + start, flags, method)
            at = content.find(mark, at + 4)
    return bytes(content)
