"""Reads variables and collects what is wrong with them, so that one start names every fault."""

import json
import re
from collections.abc import Mapping
from typing import Any


class SettingsError(ValueError):
    """Environment variables that are missing or unfit; the text names all of them."""


class Reader:
    """Values of the environment, each through its allow-list."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def text(self, name: str, pattern: str, default: str | None = None) -> str:
        """A text that matches ``pattern``; without a default it must be set."""
        value = self._environment.get(name, "")
        if not value and default is None:
            self.fault(name, "not set")
        if value and not re.fullmatch(pattern, value):
            self.fault(name, f"does not match {pattern}")
        return value or default or ""

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self._environment.get(name, "")
        if not value:
            return default
        if not re.fullmatch(r"[0-9]{1,12}", value) or not low <= int(value) <= high:
            self.fault(name, f"must be a whole number from {low} to {high}")
            return default
        return int(value)

    def document(self, name: str, default: str) -> Any:
        """A JSON document."""
        try:
            return json.loads(self._environment.get(name, "") or default)
        except ValueError as error:
            self.fault(name, f"is not JSON: {error}")
            return json.loads(default)

    def fault(self, name: str, what: str) -> None:
        """Note that a variable is unfit."""
        self._faults.append(f"{name}: {what}")

    def finish(self) -> None:
        """Raises SettingsError where anything was unfit."""
        if self._faults:
            raise SettingsError("; ".join(self._faults))
