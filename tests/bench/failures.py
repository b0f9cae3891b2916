"""Owns why a benchmark gives no figure."""

from __future__ import annotations


class BenchError(Exception):
    """The run is no measurement: something did not start, was refused or failed."""


class PeerMissingError(Exception):
    """A peer cannot be had here; what compares with it is left out."""
