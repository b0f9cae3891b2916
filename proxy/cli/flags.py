"""Owns how the settings of a table become flags of a verb. Knows no verb, and not what a setting is for."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import MISSING, fields
from typing import Any

from proxy.errors import UsageError
from proxy.settings import YES_OR_NO, Settings, flag, variable_of

_METAVARS = {bool: "|".join(reversed(YES_OR_NO)), int: "N", float: "N"}


def add_flags(parser: argparse.ArgumentParser, names: Collection[str] = (), table: type[Any] = Settings) -> None:
    """Adds every setting of `table` to `parser`, or those of `names`; `settings.from_arguments` reads them back."""
    for setting in fields(table):
        if names and setting.name not in names:
            continue
        default = YES_OR_NO[setting.default] if type(setting.default) is bool else setting.default
        shown = "" if default in ("", MISSING) else f" (default: {default})"
        variable = variable_of(setting.name)
        also = f"{variable} or {variable}_FILE" if setting.metadata["secret"] else variable
        parser.add_argument(
            flag(setting.name),
            dest=setting.name,
            action=_Once,
            default=None,
            metavar=setting.metadata["metavar"] or _METAVARS.get(type(setting.default)) or "SECRET",
            help=f"{setting.metadata['text']}{shown} [{also}]".replace("%", "%%"),
        )


class _Once(argparse.Action):
    """A flag that may be given once: of two, argparse would take the last and forget the first in silence."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            hint = "; the files of one folder are one policy together" if self.dest == "policy" else ""
            raise UsageError(f"{flag(self.dest)} is given twice; keep one{hint}")
        setattr(namespace, self.dest, values)
