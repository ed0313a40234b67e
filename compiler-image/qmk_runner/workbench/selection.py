"""Which units a keymap makes necessary to compile anew. Pure."""

from collections import Counter
from collections.abc import Collection

from qmk_runner.workbench import record
from qmk_runner.workbench.record import Record, Step, Unit


class UnfitError(Exception):
    """This keymap changes more of the build than a record can tell."""


def keymap_units(made: Record) -> tuple[Unit, ...]:
    """Units that read C that is generated from a keymap: those that every keymap changes."""
    sources = {item.output for item in made.generations if item.output.endswith(".c")}
    varying = sources - {item.output for item in made.generations if item.constant}
    return tuple(unit for unit in made.units if varying & record.dependencies(unit))


def affected(made: Record, changed: Collection[str]) -> tuple[Unit, ...]:
    """Units that read any of the changed files, and those of which nothing is known.

    Raises:
        UnfitError: what make itself reads has changed, or the record does not tell enough.
    """
    if makefiles := sorted(path for path in changed if path.endswith(".mk")):
        raise UnfitError(f"{makefiles[0].rpartition('/')[2]} is another for this keymap")
    if not changed:
        return ()
    units = tuple(
        unit
        for unit in made.units
        if not (read := record.dependencies(unit)) or read & set(changed)
    )
    linked = frozenset().union(
        record.paths(made.link.command), *(record.paths(step.command) for step in made.archives)
    )
    if any(unit.output not in linked for unit in units):
        raise UnfitError("it is not known how a file that depends on the keymap is linked")
    return units


def untold_objects(made: Record) -> tuple[str, ...]:
    """Objects that are linked or archived, and of which no single unit says how they are made."""
    told = Counter(unit.output for unit in made.units)
    used = frozenset().union(*(record.paths(step.command) for step in (made.link, *made.archives)))
    return tuple(sorted(path for path in used if path.endswith(".o") and told[path] != 1))


def archives(made: Record, units: Collection[Unit]) -> tuple[Step, ...]:
    """The archives that have one of the units' objects."""
    outputs = {unit.output for unit in units}
    return tuple(step for step in made.archives if outputs & record.paths(step.command))
