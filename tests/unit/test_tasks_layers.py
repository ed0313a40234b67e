"""Which file of a tree goes where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.firmware_tree import of_the_tree
from qmk_tasks.layers import layers


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("quantum/keymap.h", "core"),
        ("paths.mk", "core"),
        ("lib/lufa/LUFA/Drivers/USB/USB.h", "core"),
        ("lib/vusb/usbdrv/usbdrv.c", "core"),
        ("lib/python/qmk/cli/__init__.py", "core"),
        ("util/uf2conv.py", "core"),
        ("util/bootloader_atmega32u4_1.0.0.hex", "core"),
        ("keyboards/readme.md", "core"),
        ("lib/chibios/os/hal.mk", "chibios"),
        ("lib/chibios-contrib/os/hal.mk", "chibios"),
        ("lib/pico-sdk/src/x.c", "chibios"),
        ("lib/lvgl/lvgl.h", "chibios"),
        ("lib/chibios/demos/STM32/main.c", "source"),
        ("lib/chibios-contrib/testhal/main.c", "source"),
        ("keyboards/clueboard/66/rev3/keyboard.json", "clueboard"),
        ("keyboards/0_sixty/keyboard.json", "0_sixty"),
        ("docs/readme.md", "source"),
        ("tests/test_common/matrix.c", "source"),
        (".gitignore", "source"),
        (".github/workflows/lint.yml", "source"),
        ("lib/googletest/a.cc", "source"),
        ("lib/lufa/Demos/a.c", "source"),
        ("keyboards/CamelCase/keyboard.json", "source"),
        (".git/HEAD", "nowhere"),
        ("lib/lufa/.git", "nowhere"),
        (".build/clueboard.elf", "nowhere"),
        ("lib/python/qmk/__pycache__/a.cpython-311.pyc", "nowhere"),
        ("clueboard_66_rev3_default.hex", "nowhere"),
        ("planck_rev6_default.bin", "nowhere"),
    ],
)
def test_a_file_has_one_place(path: str, layer: str) -> None:
    found = layers.split([path])
    places = {"core": found.core, "chibios": found.chibios, **found.keyboards}
    assert [name for name, paths in places.items() if paths] == (
        [layer] if layer not in ("source", "nowhere") else []
    )
    assert found.source == ((path,) if layer != "nowhere" else ())
    assert of_the_tree(path) == (layer != "nowhere")


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("requirements.txt", True),
        ("lib/python/qmk/keymap.py", True),
        ("lib/python/milc_extra.py", True),
        ("data/schemas/keymap.jsonschema", True),
        ("data/constants/keycodes/keycodes_0.0.1.hjson", True),
        ("util/uf2conv.py", True),
        ("util/uf2families.json", True),
        ("lib/python/qmk/tests/test_qmk_path.py", False),
        ("data/templates/avr/config.h", False),
        ("util/install/debian.sh", False),
        ("quantum/keymap.h", False),
        ("keyboards/crkbd/lib/python/x.py", False),
    ],
)
def test_the_generator_is_what_turns_keymaps_into_code(path: str, needed: bool) -> None:
    found = layers.split([path])
    assert found.generator == ((path,) if needed else ())
    assert set(found.generator) <= set(found.core)


def test_names_are_sorted_by_their_bytes_whatever_these_are() -> None:
    """As os.walk gives them: a byte that is no UTF-8 is a lone surrogate."""
    found = layers.split(["quantum/\udcff.h", "quantum/\U0001f600.h", "quantum/a.h"])
    assert found.core == ("quantum/a.h", "quantum/\U0001f600.h", "quantum/\udcff.h")


def test_keyboard_folders_without_a_key_are_told() -> None:
    found = layers.split(["keyboards/Bad Name/a.c", "keyboards/good/a.c"])
    assert (found.unnamed, tuple(found.keyboards)) == (("Bad Name",), ("good",))


PARTS = st.sampled_from(["keyboards", "lib", "lufa", "chibios", "a", "B", ".git", "docs", "x.hex"])
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), unique=True)


@given(PATHS)
def test_layers_are_disjoint_sorted_and_part_of_the_source(paths: list[str]) -> None:
    found = layers.split(paths)
    in_layers = [*found.core, *found.chibios, *sum(found.keyboards.values(), ())]
    assert len(in_layers) == len(set(in_layers))
    assert set(in_layers) <= set(found.source) <= set(paths)
    assert list(found.source) == sorted(found.source, key=str.encode)
    assert found == layers.split(reversed(paths))
