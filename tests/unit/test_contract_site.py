"""What the keyboard site's files are, and how its index is read."""

import json

import pytest

from qmk_contract.codec import from_body, to_body
from qmk_contract.site import SiteFile, SiteIndex, content_type


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
