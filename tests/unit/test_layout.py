"""Rules about the tree itself that no linter knows."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARENTS = ("api", "compiler-image", "contract", "local", "operator", "tasks")


@pytest.mark.parametrize("folder", PARENTS)
def test_a_folder_above_a_package_is_no_package_and_holds_no_module(folder: str) -> None:
    # operator/__init__.py would shadow the standard library's operator module for every
    # `python -m` that is started from the root.
    assert list((ROOT / folder).glob("*.py")) == []


@pytest.mark.parametrize("package", ["contract/qmk_contract", "compiler-image/qmk_runner"])
def test_what_runs_in_the_toolchain_image_needs_only_the_standard_library(package: str) -> None:
    own = {"qmk_contract", "qmk_runner"}
    for module in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top in own, f"{module}: {name}"


def test_the_runner_package_never_shadows_the_firmware_trees_own() -> None:
    assert not any((ROOT / parent / "qmk").exists() for parent in PARENTS)
