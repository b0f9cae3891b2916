"""Owns where the shipped policies are: beside the package in a checkout, inside it where it is installed."""

from __future__ import annotations

from pathlib import Path


def default_policy() -> str:
    """The path of the shipped `default.yaml`."""
    package = Path(__file__).parents[1]
    installed = package / "_policies" / "default.yaml"
    return str(installed if installed.exists() else package.parent / "policies" / "default.yaml")
