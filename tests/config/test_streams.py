"""Large answers leave as they are made, under ASGI too."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import AsyncRequestFactory, RequestFactory

from config.lib import streams

LINE = "x" * 999 + "\n"


class Tap:
    """Lines, and how many were taken."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for _ in range(self.number):
            self.taken += 1
            yield LINE


def download(request: Any, parts: Iterator[bytes]) -> Any:
    return streams.download(request, parts, content_type="text/csv", filename="a.csv")


async def test_under_asgi_no_more_is_made_than_is_taken() -> None:
    tap = Tap(1000)
    answer = download(AsyncRequestFactory().get("/"), streams.pieces(tap))

    stream = aiter(answer)
    first = await anext(stream)

    assert answer.is_async
    assert streams.PIECE_BYTES <= len(first) < streams.PIECE_BYTES + len(LINE)
    assert tap.taken == len(first) // len(LINE)
    assert first + b"".join([piece async for piece in stream]) == LINE.encode() * 1000


def test_elsewhere_it_is_a_plain_stream_of_the_same() -> None:
    answer = download(RequestFactory().get("/"), streams.pieces(Tap(100)))

    assert not answer.is_async
    assert b"".join(answer) == LINE.encode() * 100
    assert answer["Content-Disposition"] == 'attachment; filename="a.csv"'


def test_nothing_is_a_stream_too() -> None:
    assert list(streams.pieces([])) == []


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_between_two_pieces() -> None:
    def lines() -> Iterator[str]:
        for _ in range(200):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            yield LINE

    stream = iter(download(RequestFactory().get("/"), streams.pieces(lines())))
    next(stream)

    assert connection.connection is None
    assert len(b"".join(stream)) > 0


async def test_a_file_leaves_in_pieces_with_its_length_and_is_closed() -> None:
    file = io.BytesIO(LINE.encode() * 200)

    answer: Any = streams.file(
        AsyncRequestFactory().get("/"), file, content_type="text/csv", filename="größe.csv"
    )
    pieces = [piece async for piece in answer]
    answer.close()

    assert answer.is_async
    assert answer["Content-Length"] == "200000"
    assert "gr%C3%B6%C3%9Fe.csv" in answer["Content-Disposition"]
    assert [len(piece) for piece in pieces] == [65536, 65536, 65536, 200000 - 3 * 65536]
    assert file.closed
