"""Encrypt a stream in blocks, each sealed by itself, so that damage is found where it is.

    header   magic, version, block size, key fingerprint, salt, nonce prefix
    blocks   AES-256-GCM of 1 MiB each; nonce = prefix, number of the block, 1 for the last
    footer   magic, number of blocks

The header is authenticated with every block, so blocks cannot be moved between archives; their
numbers and the mark of the last one prevent reordering and cutting (the STREAM construction of
Hoang, Reyhanitabar, Rogaway and Vizar, 2015). The key is stretched by scrypt and split by HKDF.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import IO, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.conf import settings

from backups.errors import Damaged, KeyMissing, NotAnArchive, Truncated, Unopened, WrongKey

MAGIC: Final = b"SWBACKUP"
END: Final = b"SWBKEND1"
VERSION: Final = 1
BLOCK: Final = 1024 * 1024
_TAG: Final = 16
_HEADER: Final = struct.Struct(">8sBI8s16s7s")
_FOOTER: Final = struct.Struct(">8sQ")
_LARGEST_BLOCK: Final = 64 * 1024 * 1024
_MOST_FINDINGS: Final = 10
_SCRYPT_SALT: Final = b"switchboard backup key, version 1"


class Sink(Protocol):
    """Something bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""


@dataclass(frozen=True, slots=True)
class Key:
    """A stretched key; its fingerprint may be shown and stored."""

    material: bytes

    @property
    def fingerprint(self) -> str:
        """Return the name of the key: the same secret always has the same."""
        return _derived(self.material, b"fingerprint", length=8).hex()

    def of_archive(self, salt: bytes) -> bytes:
        """Return the key that seals one archive."""
        return _derived(self.material, b"archive", salt=salt, length=32)


@lru_cache(maxsize=4)
def stretch(secret: str) -> Key:
    """Make a key of a secret of any length; takes about a tenth of a second."""
    kdf = Scrypt(salt=_SCRYPT_SALT, length=32, n=2**15, r=8, p=1)
    return Key(kdf.derive(secret.encode()))


def configured_key() -> Key:
    """Return the key of the settings; raises `KeyMissing`. In debug one is made of SECRET_KEY."""
    if settings.BACKUP_ENCRYPTION_KEY:
        return stretch(settings.BACKUP_ENCRYPTION_KEY)
    if settings.DEBUG:
        return stretch(f"backups in development: {settings.SECRET_KEY}")
    raise KeyMissing("BACKUP_ENCRYPTION_KEY is not set: a backup could not be encrypted.")


class Sealer:
    """Writes an archive: bytes in, sealed blocks out. Holds one block in memory."""

    def __init__(self, out: Sink, key: Key) -> None:
        salt, self._prefix = os.urandom(16), os.urandom(7)
        fingerprint = bytes.fromhex(key.fingerprint)
        self._header = _HEADER.pack(MAGIC, VERSION, BLOCK, fingerprint, salt, self._prefix)
        self._cipher = AESGCM(key.of_archive(salt))
        self._out, self._buffer, self._blocks = out, bytearray(), 0
        self._digest = hashlib.sha256()
        self.size = 0
        self._put(self._header)

    @property
    def sha256(self) -> str:
        """Return the hash of all that was written."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Take plain bytes; seals whole blocks, but never the last before it is known to be."""
        self._buffer += data
        while len(self._buffer) > BLOCK:
            self._seal(bytes(self._buffer[:BLOCK]), is_last=False)
            del self._buffer[:BLOCK]
        return len(data)

    def finish(self) -> None:
        """Seal the rest and write the footer."""
        self._seal(bytes(self._buffer), is_last=True)
        self._buffer.clear()
        self._put(_FOOTER.pack(END, self._blocks))

    def _seal(self, plain: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._prefix, self._blocks, is_last=is_last)
        self._put(self._cipher.encrypt(nonce, plain, self._header))
        self._blocks += 1

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self.size += len(data)


class Archive:
    """An archive on disk, opened with a key: its blocks, or everything wrong with it."""

    def __init__(self, file: IO[bytes], key: Key) -> None:
        """Read the header; raises `NotAnArchive` or `WrongKey`."""
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._header = file.read(_HEADER.size)
        if len(self._header) < _HEADER.size or not self._header.startswith(MAGIC):
            raise NotAnArchive("This is not a backup of Switchboard, or its beginning is damaged.")
        _, version, self._block, fingerprint, salt, self._prefix = _HEADER.unpack(self._header)
        if version != VERSION or not 0 < self._block <= _LARGEST_BLOCK:
            raise NotAnArchive(
                f"The archive is of format {version}; this version reads format {VERSION}."
            )
        if fingerprint.hex() != key.fingerprint:
            raise WrongKey(
                f"Wrong key: the archive was sealed with key {fingerprint.hex()}, but "
                f"BACKUP_ENCRYPTION_KEY is key {key.fingerprint}."
            )
        self._cipher = AESGCM(key.of_archive(salt))

    @cached_property
    def blocks(self) -> int:
        """Return how many blocks there should be; raises `Truncated`."""
        self._file.seek(max(0, self.size - _FOOTER.size))
        footer = self._file.read()
        body = self.size - _HEADER.size - _FOOTER.size
        found = -(-max(body, 0) // (self._block + _TAG))
        if not footer.startswith(END) or len(footer) < _FOOTER.size:
            raise Truncated(
                f"The archive is cut off: its end is missing after {self.size:,} bytes "
                f"(in or behind block {max(found, 1)})."
            )
        (_, told) = _FOOTER.unpack(footer)
        if told != found:
            raise Truncated(f"The archive should have {told:,} blocks and has {found:,}.")
        return int(told)

    def plain(self) -> Iterator[bytes]:
        """Yield the plain blocks in order; raises `Truncated` or `Damaged` at the first bad one."""
        for number in range(self.blocks):
            yield self._open(number)

    def problems(self) -> list[Unopened]:
        """Return everything that is wrong with the blocks, up to ten."""
        try:
            total = self.blocks
        except Truncated as error:
            return [error]
        found: list[Unopened] = []
        for number in range(total):
            try:
                self._open(number)
            except Damaged as error:
                found.append(error)
            if len(found) == _MOST_FINDINGS:
                break
        return found

    def _open(self, number: int) -> bytes:
        width = self._block + _TAG
        offset = _HEADER.size + number * width
        is_last = number == self.blocks - 1
        length = self.size - _FOOTER.size - offset if is_last else width
        self._file.seek(offset)
        sealed = self._file.read(length)
        try:
            nonce = _nonce(self._prefix, number, is_last=is_last)
            return self._cipher.decrypt(nonce, sealed, self._header)
        except InvalidTag as error:
            raise Damaged(
                f"Block {number + 1} of {self.blocks:,} is damaged (bytes {offset:,} to "
                f"{offset + length - 1:,} of the archive)."
            ) from error


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, is_last)


def _derived(material: bytes, info: bytes, *, length: int, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), length=length, salt=salt, info=info).derive(material)
