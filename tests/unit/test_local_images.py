"""Building only what changed, with a program in the place of Docker; archives and their store."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from rich.console import Console

from qmk_local.buildah import storage_driver, stored_bytes
from qmk_local.commands import CommandFailed
from qmk_local.debian_base import cached_base
from qmk_local.errors import LocalError
from qmk_local.image_recipes import image_recipes
from qmk_local.image_store import ImageStore
from qmk_local.images import build_all
from qmk_local.logged_command import run_logged
from qmk_local.oci_archive import pack_layout
from qmk_local.progress import Progress
from qmk_local.settings import CLONE, Settings

DIGEST = "sha256:" + "0123456789abcdef" * 4
# Notes its arguments, and does what `docker image inspect` and `docker save` are used for.
DOCKER = f"""#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
case "$1" in
build) echo "Step 1/2 : FROM debian:bookworm-slim"
    for context; do :; done
    cat "$context/local/images/pip/pip.conf"
    [ ! -e "$(dirname "$0")/broken" ] ;;
image) echo "{DIGEST}" ;;
save) echo "$2" >"${{2#--output=}}" ;;
esac
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    (programs / "python").write_text("#!/bin/sh\necho \":env:.timeout='7'\"\n")
    (programs / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    clone = tmp_path / "clone"
    for recipe in image_recipes("avr"):
        for name in (recipe.dockerfile, *recipe.inputs):
            target = clone / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (CLONE / name).is_dir():
                target.mkdir(exist_ok=True)
                (target / "__init__.py").touch()
            else:
                target.write_bytes((CLONE / name).read_bytes())
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(programs)}
    found = Settings.from_environment(environment)
    return Settings(**{**vars(found), "clone": clone})


@pytest.fixture
def progress() -> Progress:
    return Progress(Console(file=io.StringIO(), force_terminal=False))


def docker_calls(tmp_path: Path, verb: str) -> list[str]:
    lines = (tmp_path / "programs/calls").read_text().splitlines()
    return [line for line in lines if line.startswith(f"{verb} ")]


def test_all_images_are_built_once_and_recorded(
    settings: Settings, progress: Progress, tmp_path: Path
) -> None:
    images = build_all(settings, progress, "kind")
    assert sorted(images) == sorted(recipe.name for recipe in image_recipes("avr"))
    assert images["qmk-api"].reference == "localhost/qmk-api:0123456789ab"
    recorded = json.loads((settings.local / "images.json").read_text())
    assert recorded["qmk-api"] == {"reference": "localhost/qmk-api:0123456789ab", "digest": DIGEST}
    assert len(docker_calls(tmp_path, "build")) == 5

    assert build_all(settings, progress, "kind") == images
    assert len(docker_calls(tmp_path, "build")) == 5


def test_a_change_builds_only_the_images_that_hold_it(
    settings: Settings, progress: Progress, tmp_path: Path
) -> None:
    build_all(settings, progress, "kind")
    (settings.clone / "api/qmk_api/__init__.py").write_text('"""Changed."""\n')
    build_all(settings, progress, "kind")
    (more,) = docker_calls(tmp_path, "build")[5:]
    assert "--tag=localhost/qmk-api:latest" in more


def test_a_refresh_builds_everything_from_nothing(
    settings: Settings, progress: Progress, tmp_path: Path
) -> None:
    build_all(settings, progress, "kind")
    build_all(settings, progress, "kind", refresh=True)
    again = docker_calls(tmp_path, "build")[5:]
    assert len(again) == 5
    assert all("--no-cache" in call and "--pull" in call for call in again)


def test_a_failed_build_says_which_and_where_its_log_is(
    settings: Settings, progress: Progress, tmp_path: Path
) -> None:
    (tmp_path / "programs/broken").touch()
    with pytest.raises(
        LocalError, match=r"Image qmk-operator could not be built: .*qmk-operator\.log"
    ):
        build_all(settings, progress, "kind")
    log = (settings.logs / "image-qmk-operator.log").read_text()
    assert "FROM debian:bookworm-slim" in log
    assert "timeout =\n    7\n" in log
    assert not list((settings.cache / "images").glob("new-*"))


def test_an_archive_that_was_cut_short_is_built_again_and_drafts_go(
    settings: Settings, progress: Progress, tmp_path: Path
) -> None:
    images = build_all(settings, progress, "kind")
    images["qmk-redis"].archive.write_bytes(b"")
    left = settings.cache / "images/new-left"
    left.mkdir()
    build_all(settings, progress, "kind")
    assert len(docker_calls(tmp_path, "build")) == 6
    assert not left.exists()


def test_the_store_keeps_three_archives_of_a_name(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    for number in range(5):
        draft = tmp_path / "draft"
        draft.write_text(str(number))
        store.add("qmk-api", f"key{number}", DIGEST, draft)
        os.utime(store.archive("qmk-api", f"key{number}").with_suffix(".json"), (number, number))
    other = tmp_path / "draft"
    other.touch()
    store.add("qmk-redis", "key0", DIGEST, other)
    assert [store.find("qmk-api", f"key{number}") is not None for number in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert len(list(store.folder.glob("qmk-api-*.tar"))) == 3
    assert store.find("qmk-redis", "key0") is not None


def test_a_layout_becomes_an_archive_named_by_its_digest(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    (layout / "blobs/sha256").mkdir(parents=True)
    (layout / "blobs/sha256/abc").write_text("manifest")
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(
        json.dumps({"schemaVersion": 2, "manifests": [{"digest": DIGEST, "size": 8}]})
    )
    names = [tmp_path / "one.tar", tmp_path / "two.tar"]
    for name in names:
        assert pack_layout(layout, name, lambda digest: f"localhost/x:{digest[7:11]}") == DIGEST
    assert names[0].read_bytes() == names[1].read_bytes()
    with tarfile.open(names[0]) as tar:
        assert tar.getnames() == ["oci-layout", "index.json", "blobs/sha256/abc"]
        content = tar.extractfile("index.json")
        assert content is not None
        (manifest,) = json.load(content)["manifests"]
    assert manifest["annotations"] == {"org.opencontainers.image.ref.name": "localhost/x:0123"}


@pytest.mark.parametrize(
    ("mounts", "driver"),
    [
        ("/dev/sda / ext4 rw 0 0\n", "overlay"),
        ("overlay / overlay rw 0 0\n", "vfs"),
        ("overlay / overlay rw 0 0\n/dev/sdb /home ext4 rw 0 0\n", "overlay"),
        ("/dev/sda / ext4 rw 0 0\noverlay /home/me overlay rw 0 0\n", "vfs"),
    ],
)
def test_an_overlay_is_not_laid_upon_an_overlay(mounts: str, driver: str) -> None:
    assert storage_driver(Path("/home/me/.cache/qmk-compile"), mounts) == driver


def test_the_size_of_a_storage_is_that_of_its_layers(tmp_path: Path) -> None:
    assert stored_bytes(tmp_path) == 0
    (tmp_path / "overlay-layers").mkdir()
    layers = [{"id": "a", "diff-size": 5}, {"id": "b", "diff-size": 7}, {"id": "c"}]
    (tmp_path / "overlay-layers/layers.json").write_text(json.dumps(layers))
    assert stored_bytes(tmp_path) == 12


def test_a_base_without_a_whole_archive_is_none(tmp_path: Path) -> None:
    assert cached_base(tmp_path) is None


def test_a_program_is_followed_logged_and_its_failure_told(tmp_path: Path) -> None:
    log = tmp_path / "logs/it.log"
    lines: list[str] = []
    run_logged(["sh", "-c", "echo one; echo $WORD >&2"], log, 30, lines.append, {"WORD": "two"})
    assert lines == ["one", "two"]
    assert log.read_text().splitlines()[1:] == ["one", "two"]
    with pytest.raises(CommandFailed, match=r"exit code 3: last words \(log: .*it\.log\)"):
        run_logged(["sh", "-c", "echo last words; exit 3"], log, 30)
    with pytest.raises(CommandFailed, match="could not be started"):
        run_logged([tmp_path / "nothing"], log, 30)


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    with pytest.raises(CommandFailed, match="did not end within 0 s"):
        run_logged(["sh", "-c", "sleep 300 & echo $!; wait"], log, 0.3)
    child = int(log.read_text().splitlines()[1])
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True, check=False
    )
    assert state.stdout[:1] in ("", "Z")
