"""What an image is made from: recipes, keys, contexts, pip's settings, the Dockerfiles."""

import io
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest

from qmk_local.errors import LocalError
from qmk_local.image_context import image_key, input_files, stage_context
from qmk_local.image_pip import configuration, pip_settings
from qmk_local.image_recipes import ImageRecipe, image_recipes, toolchain_words
from qmk_local.settings import CLONE

RECIPE = ImageRecipe("qmk-sample", "sample/Dockerfile", ("sample/package", "pins.txt"))
BY_NAME = {recipe.name: recipe for recipe in image_recipes("avr")}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    package = tmp_path / "clone/sample/package"
    package.mkdir(parents=True)
    (package / "main.py").write_text("print('hello')\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__/main.cpython-311.pyc").write_bytes(b"old")
    (tmp_path / "clone/sample/Dockerfile").write_text("FROM debian:bookworm-slim\n")
    (tmp_path / "clone/pins.txt").write_text("qmk==1.2.0\n")
    (tmp_path / "clone/README.md").write_text("nothing of the image\n")
    return tmp_path / "clone"


def test_inputs_are_the_dockerfile_and_sources_without_byte_code(clone: Path) -> None:
    assert [str(path) for path in input_files(RECIPE, clone)] == [
        "pins.txt",
        "sample/Dockerfile",
        "sample/package/main.py",
    ]


def test_a_key_stays_the_same_in_another_clone_at_another_time(clone: Path, tmp_path: Path) -> None:
    key = image_key(RECIPE, clone, "base")
    other = tmp_path / "other"
    shutil.copytree(clone, other, copy_function=shutil.copyfile)
    (other / "README.md").write_text("other words\n")
    (other / "sample/package/main.py").chmod(0o600)
    assert image_key(RECIPE, other, "base") == key
    assert re.fullmatch(r"[0-9a-f]{26}", key)


@pytest.mark.parametrize("changed", ["sample/package/main.py", "sample/Dockerfile", "pins.txt"])
def test_a_key_changes_with_any_input(clone: Path, changed: str) -> None:
    key = image_key(RECIPE, clone, "base")
    (clone / changed).write_text("changed\n")
    assert image_key(RECIPE, clone, "base") != key


def test_a_key_changes_with_base_arguments_name_mode_and_new_files(clone: Path) -> None:
    keys = {
        image_key(RECIPE, clone, "base"),
        image_key(RECIPE, clone, "newer base"),
        image_key(ImageRecipe("other", RECIPE.dockerfile, RECIPE.inputs), clone, "base"),
        image_key(
            ImageRecipe(RECIPE.name, RECIPE.dockerfile, RECIPE.inputs, {"A": "b"}), clone, "base"
        ),
    }
    (clone / "sample/package/main.py").chmod(0o755)
    keys.add(image_key(RECIPE, clone, "base"))
    (clone / "sample/package/more.py").touch()
    keys.add(image_key(RECIPE, clone, "base"))
    assert len(keys) == 6


def test_a_context_holds_the_inputs_alone_and_has_the_key_of_its_clone(
    clone: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    stage_context(RECIPE, clone, context)
    files = {path for path in context.rglob("*") if path.is_file()}
    assert {path.relative_to(context) for path in files} == set(input_files(RECIPE, clone))
    assert {path.stat().st_mtime for path in files} == {0.0}
    assert image_key(RECIPE, context, "base") == image_key(RECIPE, clone, "base")


def test_a_missing_input_is_named(clone: Path) -> None:
    (clone / "pins.txt").unlink()
    with pytest.raises(LocalError, match=r"pins\.txt is missing, and image qmk-sample"):
        input_files(RECIPE, clone)


def test_toolchains_are_sorted_words_of_a_list() -> None:
    assert toolchain_words("avr") == ("avr",)
    assert toolchain_words("avr  arm avr") == ("arm", "avr")


@pytest.mark.parametrize("text", ["", "riscv", "avr;reboot", "avr $(id)"])
def test_other_toolchains_are_refused(text: str) -> None:
    with pytest.raises(LocalError, match="TOOLCHAINS="):
        image_recipes(text)


@pytest.mark.parametrize("recipe", BY_NAME.values(), ids=list(BY_NAME))
def test_a_dockerfile_copies_what_the_recipe_names_and_no_more(recipe: ImageRecipe) -> None:
    copied = copied_from_context(CLONE / recipe.dockerfile) - {"local/images/pip/"}
    assert copied == set(recipe.inputs)


@pytest.mark.parametrize("recipe", BY_NAME.values(), ids=list(BY_NAME))
def test_a_build_by_hand_sees_what_the_dockerfile_copies(recipe: ImageRecipe) -> None:
    admitted = [
        line[1:]
        for line in (CLONE / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for source in copied_from_context(CLONE / recipe.dockerfile):
        assert source.rstrip("/") in admitted


@pytest.mark.parametrize("recipe", BY_NAME.values(), ids=list(BY_NAME))
def test_an_image_runs_as_the_unprivileged_user(recipe: ImageRecipe) -> None:
    last_stage = (CLONE / recipe.dockerfile).read_text().rpartition("\nFROM ")[2]
    assert "\nUSER 65532:65532\n" in last_stage
    assert "/pip" not in last_stage


def test_the_operator_image_has_no_client_that_kopf_would_find() -> None:
    text = (CLONE / "operator/Dockerfile").read_text()
    assert "extras['cli']" not in text
    assert "extras['dev']" not in text


def test_pip_settings_come_from_files_and_the_environment_last() -> None:
    listing = (
        "global.index-url='https://files.example/simple'\n"
        "install.timeout='30'\n"
        "wheel.build-option='x'\n"
        ":env:.index-url='https://environment.example/simple'\n"
        ":env:.cert='/etc/ssl/own.pem'\n"
    )
    assert pip_settings(listing) == {
        "index-url": "https://environment.example/simple",
        "timeout": "30",
        "cert": "/etc/ssl/own.pem",
    }
    assert pip_settings("") == {}


def test_a_build_gets_addresses_and_authorities_but_no_paths_of_this_machine() -> None:
    settings = {
        "index-url": "https://pypi.example/simple",
        "trusted-host": "a.example b.example",
        "cert": "/home/someone/own.pem",
        "find-links": "/home/someone/wheels",
        "cache-dir": "/home/someone/cache",
    }
    assert configuration(settings, with_authorities=True) == (
        "[global]\n"
        "index-url =\n    https://pypi.example/simple\n"
        "trusted-host =\n    a.example\n    b.example\n"
        "cert = /pip/ca-certificates.crt\n"
    )
    assert configuration({}, with_authorities=False) == "[global]\n"


def copied_from_context(dockerfile: Path) -> set[str]:
    found: set[str] = set()
    for line in io.StringIO(dockerfile.read_text()):
        if line.startswith("COPY ") and "--from=" not in line:
            found.update(line.split()[1:-1])
    assert not any(fnmatch(source, "*[*?]*") for source in found)
    return found
