"""What the keyboard site's files are, and how its index is read."""

import json

import pytest

from qmk_contract.codec import from_body, to_body
from qmk_contract.site import (
    FAULT_CHARACTERS_MAX,
    FAULTS_MAX,
    SiteFile,
    SiteIndex,
    bounded_faults,
    content_type,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("v1/keyboard_list.json", "application/json"),
        ("v1/schemas/keymap.jsonschema", "application/json"),
        ("readme.md", "text/markdown; charset=utf-8"),
        ("v1/templates/keymap.c", "text/plain; charset=utf-8"),
        ("v1/templates/rules.mk", "text/plain; charset=utf-8"),
        ("v1/templates/LICENSE", "text/plain; charset=utf-8"),
        ("v1/a.json/notes", "text/plain; charset=utf-8"),
    ],
)
def test_a_file_has_the_type_of_its_suffix(path: str, expected: str) -> None:
    assert content_type(path) == expected


def test_an_index_is_read_as_it_was_written() -> None:
    index = SiteIndex(
        commit="c" * 40,
        files={
            "v1/keyboards.json": SiteFile(9, "0" * 64, {"gzip": 5, "zstd": 4}),
            "readme.md": SiteFile(1, "1" * 64),
        },
        faults={"demo/pad3": ("no layout",)},
    )
    assert from_body(SiteIndex, json.loads(json.dumps(to_body(index)))) == index


def test_of_faults_an_index_holds_a_few_short_ones() -> None:
    files = {"v1/keyboards/demo/pad3/info.json", "v1/keyboards/good/info.json"}
    found = {
        "demo/pad3": ["x" * FAULT_CHARACTERS_MAX, "y" * 9000, "half \ud83d", *("z" * 20)],
        "no/such": ["fault"],
        "../good": ["fault"],
    }
    bounded = bounded_faults(found, files)
    assert list(bounded) == ["demo/pad3"]
    first, second, third, *rest = bounded["demo/pad3"]
    assert first == "x" * FAULT_CHARACTERS_MAX
    assert second == "y" * (FAULT_CHARACTERS_MAX - 1) + "…"
    assert third == "half ?"
    assert len(rest) == FAULTS_MAX - 3
    assert bounded_faults(bounded, files) == bounded
