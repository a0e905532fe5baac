"""`python -m bench MODULE [--quick]`: one benchmark, in the environment `place` has prepared."""

import sys

from bench import place, report

place.answer(report.measure(sys.argv[1], quick="--quick" in sys.argv))
