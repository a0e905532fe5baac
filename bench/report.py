"""Runs the benchmarks and prints each beside its goal and its ceiling."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import psycopg

from bench import place

RESULTS: Final = place.ROOT / "bench" / "results.json"


@dataclass(frozen=True)
class Goal:
    """What a benchmark must reach. `ratio` is to its ceiling; for `most`, less is better."""

    module: str
    unit: str
    ratio: float | None = None
    least: float | None = None
    most: float | None = None
    ceiling: str = ""


GOALS: Final = {
    "send": Goal("send", "messages/s", 0.35, 2500, ceiling="a bare aiohttp loop, one process"),
    "intake": Goal("intake", "POST/s", 3.0, ceiling="bare ASGI, one INSERT a request"),
    "statuses": Goal("statuses", "statuses/s", 0.3, 10_000, ceiling="one UPDATE ... FROM unnest"),
    "launch": Goal("launch", "recipients/s", 0.5, 20_000, ceiling="one INSERT ... SELECT"),
    "import": Goal("imports", "rows/s"),
    "isolation": Goal("isolation", "with / without, the worst", least=0.9),
    "memory": Goal("memory", "peak of 100,000 / of 1,000", most=1.2),
}


def middle(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the round with the median ratio, and how far all of them lie apart."""
    ranked = sorted(rounds, key=lambda one: one["rate"] / one["ceiling"])
    found = ranked[len(ranked) // 2]
    return {
        "rate": round(found["rate"]),
        "ceiling": round(found["ceiling"]),
        "ratio": round(found["rate"] / found["ceiling"], 3),
        "median_rate": round(statistics.median(one["rate"] for one in rounds)),
        "rounds": [
            {"rate": round(one["rate"]), "ceiling": round(one["ceiling"])} for one in rounds
        ],
        **{key: found[key] for key in found if key not in {"rate", "ceiling"}},
    }


def run(names: Sequence[str], *, quick: bool, write: Callable[[str], Any]) -> dict[str, Any]:
    """Run benchmarks by name, print the table, return everything that was measured."""
    unknown = set(names) - set(GOALS)
    if unknown:
        raise place.BenchError(f"No benchmark is called {', '.join(sorted(unknown))}.")
    found: dict[str, Any] = {}
    with place.prepared() as env:
        machine = _machine(env)
        for name in names or GOALS:
            arguments = ["-m", "bench", GOALS[name].module, *(["--quick"] if quick else [])]
            found[name] = place.answer_of(arguments, env)
            write(line(name, found[name]))
    results = {"measured_at": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine}
    return results | {"quick": quick, "results": found}


def save(results: Mapping[str, Any]) -> None:
    """Keep the results in bench/results.json; what this run left out stays from the last one."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    before = kept.get("results", {}) if kept.get("quick") == results["quick"] else {}
    merged = {**results, "results": {**before, **results["results"]}}
    RESULTS.write_text(json.dumps(merged, indent=1) + "\n")


HEADER: Final = f"{'':10}{'measured':>28}{'ceiling':>10}{'ratio':>8}   goal"


def line(name: str, found: Mapping[str, Any]) -> str:
    """Return one line of the table."""
    goal = GOALS[name]
    ceiling = f"{found['ceiling']:,}" if "ceiling" in found else ""
    ratio = f"{found['ratio']:.2f}" if "ratio" in found else ""
    measured = f"{found['rate']:,} {goal.unit}"
    verdict = "reached" if is_reached(goal, found) else "MISSED"
    asked = f"{_asked(goal)}: {verdict}" if _asked(goal) else ""
    return f"{name:10}{measured:>28}{ceiling:>10}{ratio:>8}   {asked}  ({found.get('detail', '')})"


def is_reached(goal: Goal, found: Mapping[str, Any]) -> bool:
    """Tell whether every part of a goal is reached."""
    return all(
        (
            goal.ratio is None or found["ratio"] >= goal.ratio,
            goal.least is None or found["rate"] >= goal.least,
            goal.most is None or found["rate"] <= goal.most,
        )
    )


def _asked(goal: Goal) -> str:
    parts = []
    if goal.ratio is not None:
        parts.append(f">= {goal.ratio} x {goal.ceiling}")
    if goal.least is not None:
        per = "/s" if goal.unit.endswith("/s") else ""
        parts.append(f">= {goal.least:,}{per}")
    if goal.most is not None:
        parts.append(f"<= {goal.most}")
    return ", ".join(parts)


def _machine(env: Mapping[str, str]) -> dict[str, Any]:
    with psycopg.connect(env["DATABASE_URL"]) as connection:
        row = connection.execute("SHOW server_version").fetchone()
        fsync = connection.execute("SHOW fsync").fetchone()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(_memory_kib() / 1024**2, 1),
        "cpu": _cpu(),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgresql": row[0] if row else "",
        "fsync": fsync[0] if fsync else "",
        "load_before": round(os.getloadavg()[0], 2),
    }


def _memory_kib() -> int:
    for text in Path("/proc/meminfo").read_text().splitlines():
        if text.startswith("MemTotal:"):
            return int(text.split()[1])
    return 0


def _cpu() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.processor() or "unknown"


def measure(module: str, *, quick: bool) -> dict[str, Any]:
    """Run one benchmark in this process, whose settings are in the environment."""
    import django

    django.setup()
    from accounts import tenancy

    with tenancy.across(tenancy.Door.COMMAND):
        found: dict[str, Any] = import_module(f"bench.{module}").measure(quick=quick)
    return found
