"""The S3 layout and the layers of a snapshot."""

from datetime import UTC, datetime

import pytest

from qmk_contract import artifacts
from qmk_contract.snapshot import Layer, Manifest

COMMIT = "c" * 40


def test_the_layout_is_what_everybody_relies_on() -> None:
    assert [
        artifacts.channel("master"),
        artifacts.manifest(COMMIT),
        artifacts.core(COMMIT),
        artifacts.chibios(COMMIT),
        artifacts.keyboard_folder(COMMIT, "clueboard"),
        artifacts.source(COMMIT),
        artifacts.site_index(COMMIT),
        artifacts.site_file(COMMIT, "readme.md"),
        artifacts.site_file(COMMIT, "v1/keyboards.json", "zstd"),
        artifacts.keyboard_list(COMMIT),
        artifacts.keyboard_aliases(COMMIT),
        artifacts.keyboard_info(COMMIT, "clueboard/66/rev3"),
    ] == [
        "channels/master.json",
        f"firmware/{COMMIT}/manifest.json",
        f"firmware/{COMMIT}/core.tar.zst",
        f"firmware/{COMMIT}/chibios.tar.zst",
        f"firmware/{COMMIT}/keyboards/clueboard.tar.zst",
        f"firmware/{COMMIT}/source.zip",
        f"firmware/{COMMIT}/site.json",
        f"firmware/{COMMIT}/api/readme.md",
        f"firmware/{COMMIT}/api-zstd/v1/keyboards.json",
        f"firmware/{COMMIT}/api/v1/keyboard_list.json",
        f"firmware/{COMMIT}/api/v1/keyboard_aliases.json",
        f"firmware/{COMMIT}/api/v1/keyboards/clueboard/66/rev3/info.json",
    ]


@pytest.mark.parametrize("commit", ["", "c" * 39, "C" * 40, "c" * 41, "../" + "c" * 40, "g" * 40])
def test_what_is_no_commit_makes_no_key(commit: str) -> None:
    with pytest.raises(ValueError, match="not fit"):
        artifacts.core(commit)


@pytest.mark.parametrize("path", ["", "/x", "a/../b", "a//b", "a b", "..", "x" * 900])
def test_what_is_no_metadata_path_makes_no_key(path: str) -> None:
    with pytest.raises(ValueError, match="not a path of the keyboard site"):
        artifacts.metadata(COMMIT, path)


@pytest.mark.parametrize(
    "path",
    [
        "readme.md",
        "v1/keyboard_list.json",
        "v1/keyboards/clueboard/66/rev3/info.json",
        "v1/keyboards/0_sixty/readme.md",
        "v1/keyboards/ferris/keymaps/default/keymap.json",
        "v1/constants/module_hooks/0.1.0.json",
        "v1/mappings/info_config.json",
        "v1/schemas/keymap.jsonschema",
        "v1/templates/config-overrides/chibios/board.h",
    ],
)
def test_the_site_has_what_generate_api_writes(path: str) -> None:
    assert artifacts.is_site_path(path)
    assert artifacts.site_file(COMMIT, path).endswith(path)


@pytest.mark.parametrize(
    "path",
    [
        "healthz",
        "install.sh",
        "openapi.json",
        "postreceive",
        "v1",
        "v1/compile",
        "v1/compile/x.json",
        "v1/compile/x/keymap.json",
        "v1/healthcheck",
        "v1/keyboards",
        "v1/keyboards/info.json",
        "v1/keyboards/clueboard/66/build_log",
        "v1/keyboards/clueboard/66/info.json/x",
        "v1/keyboards/build_summary",
        "v1/metrics/keyboards",
        "v1/mappings",
        "v1/schemas/",
        "v1/templates/../compile",
        "v1/telemetry",
        "v1/usb",
        "V1/usb.json",
        "v1/usb.json\n",
        "x/readme.md",
    ],
)
def test_the_site_has_nothing_else(path: str) -> None:
    assert not artifacts.is_site_path(path)
    with pytest.raises(ValueError, match="not a path of the keyboard site"):
        artifacts.site_file(COMMIT, path)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "Master!", "x" * 64])
def test_what_is_no_channel_makes_no_key(name: str) -> None:
    with pytest.raises(ValueError, match="not fit"):
        artifacts.channel(name)


def test_a_build_has_only_the_objects_of_the_layout() -> None:
    with pytest.raises(ValueError, match="no such object"):
        artifacts.build("a" * 26, "secrets.txt")


def layer(name: str) -> Layer:
    return Layer(key=name, size=1, sha256="0" * 64)


def test_only_boards_with_chibios_fetch_it() -> None:
    core, chibios, folder = layer("core"), layer("chibios"), layer("kb")
    manifest = Manifest(
        commit=COMMIT,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        core=core,
        source=layer("source"),
        chibios=chibios,
        keyboards={"clueboard": folder},
    )
    assert manifest.layers_for("clueboard/66/rev3", "avr") == (core, folder)
    assert manifest.layers_for("clueboard/66/rev4", "chibios") == (core, chibios, folder)
    with pytest.raises(KeyError):
        manifest.layers_for("planck/rev6", "chibios")
