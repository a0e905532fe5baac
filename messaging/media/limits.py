"""What Meta accepts of files, told by their first bytes and not by their names. Pure.

Source: Meta's media page as of September 2026 (types and sizes).
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import IO, Final

KB: Final = 1024
MB: Final = 1024 * 1024

_AUDIO: Final = ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg")
_OFFICE: Final = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_OLD_OFFICE: Final = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
}
HEAD_BYTES: Final = 4096
LARGEST: Final = 100 * MB


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is: Meta's word for it, its type, and how large it may be."""

    name: str
    mime_type: str
    max_bytes: int


def identify(file: IO[bytes], *, filename: str = "") -> Kind | None:
    """Return what Meta would take the file for; None when it takes no such file.

    The name's ending decides only between old Office formats, which look the same inside.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    mime_type = _mime_type(head, file, filename)
    if mime_type is None:
        return None
    if mime_type == "image/webp":
        return Kind("sticker", mime_type, (500 if _is_animated(head) else 100) * KB)
    if mime_type.startswith("image/"):
        return Kind("image", mime_type, 5 * MB)
    if mime_type in _AUDIO:
        return Kind("audio", mime_type, 16 * MB)
    if mime_type.startswith("video/"):
        return Kind("video", mime_type, 16 * MB)
    return Kind("document", mime_type, LARGEST)


def _mime_type(head: bytes, file: IO[bytes], filename: str) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        # 8 bits a channel, RGB or RGBA: nothing else is shown by WhatsApp.
        return "image/png" if head[24:26] in (b"\x08\x02", b"\x08\x06") else None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"OggS"):
        return "audio/ogg" if b"OpusHead" in head[:200] else None
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12])
    for start, mime_type in _STARTS:
        if head.startswith(start):
            return mime_type
    if head.startswith(b"PK\x03\x04"):
        return _office_type(file)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return _OLD_OFFICE.get(filename.rpartition(".")[2].lower())
    return "text/plain" if _is_text(file) else None


_STARTS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"%PDF-", "application/pdf"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
)


def _of_brand(brand: bytes) -> str | None:
    """Tell the MP4 family apart; pictures in such a container (HEIC, AVIF) are not taken."""
    if brand in (b"M4A ", b"M4B "):
        return "audio/mp4"
    if brand.startswith(b"3g"):
        return "video/3gpp"
    return "video/mp4" if brand[:3] in (b"iso", b"mp4", b"avc", b"M4V", b"MSN", b"das") else None


def _is_animated(head: bytes) -> bool:
    return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)


def _office_type(file: IO[bytes]) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return None
    if "[Content_Types].xml" not in names:
        return None
    found = [mime for folder, mime in _OFFICE.items() if any(n.startswith(folder) for n in names)]
    return found[0] if len(found) == 1 else None


def _is_text(file: IO[bytes]) -> bool:
    """Tell plain text: UTF-8 throughout, without control characters that no text has."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        seen = False
        while chunk := text.read(64 * KB):
            seen = True
            if any(char < " " and char not in "\t\r\n\f" for char in chunk):
                return False
    except UnicodeDecodeError:
        return False
    else:
        return seen
    finally:
        text.detach()
