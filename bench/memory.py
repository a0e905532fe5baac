"""Memory: the peak of a worker that launches a campaign to many, beside one to a few."""

from __future__ import annotations

import sys
from typing import Any, Final

from bench import place

MANY: Final = 100_000
FEW: Final = 1_000


def measure(*, quick: bool) -> dict[str, Any]:
    """Return the peak with many recipients as a multiple of the peak with few."""
    few = _launch_in_child(FEW)
    many = _launch_in_child(MANY // 5 if quick else MANY)
    return {
        "rate": round(many["peak_kib"] / few["peak_kib"], 3),
        "few_mib": few["peak_kib"] // 1024,
        "many_mib": many["peak_kib"] // 1024,
        "detail": f"worker {many['peak_kib'] // 1024} MiB and {few['peak_kib'] // 1024} MiB; "
        f"launch of {many['count']} in {many['seconds']:.1f} s",
    }


def _launch_in_child(count: int) -> dict[str, Any]:
    from bench import rows

    rows.forget_everything()
    shop = rows.make_shop()
    rows.add_people(shop, count)
    rows.settle()
    arguments = ["-m", "bench.memory", str(shop.business.pk), str(count)]
    found: dict[str, Any] = place.together([place.Child(arguments)])[0]
    return found | {"count": count}


def work(business_id: str, count: int) -> dict[str, Any]:
    """Launch a campaign to everyone in this process, whose memory is still small."""
    from bench import launch, rows

    shop = rows.shop_of(business_id)
    place.ready_to_start()
    found = launch.launch(shop, count)
    return {"peak_kib": place.peak_kib(), "seconds": found["seconds"]}


if __name__ == "__main__":
    import django

    django.setup()
    place.answer(work(sys.argv[1], int(sys.argv[2])))
