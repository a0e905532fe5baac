"""The audit routes: read the trail, add to it from outside, take it away."""
