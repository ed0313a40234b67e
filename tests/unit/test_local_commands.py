"""Commands, settings, locks, tool versions and what a person sees of them."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from rich.console import Console

from qmk_local import client_tools, docker, go_programs, go_toolchain, owner, scratch_image
from qmk_local.commands import CommandFailed, run
from qmk_local.errors import LocalError
from qmk_local.lock import exclusive
from qmk_local.owner import Owner
from qmk_local.progress import Progress, seconds_text
from qmk_local.settings import CLONE, Settings


def script(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def plain() -> tuple[Progress, io.StringIO]:
    text = io.StringIO()
    return Progress(Console(file=text, force_terminal=False, width=200, highlight=False)), text


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment(
        {"BACKEND": "kind", "XDG_CACHE_HOME": "/c", "KIND_NODE_IMAGE": "node:1", "PATH": "/bin"}
    )
    assert (settings.backend, settings.kind_node_image) == ("kind", "node:1")
    assert settings.cache == Path("/c/qmk-compile")
    assert settings.kubeconfig == CLONE / ".local/kubeconfig"
    assert settings.command_path.startswith("/bin:")


def test_empty_values_count_as_left_out() -> None:
    settings = Settings.from_environment({"BACKEND": "", "KIND_NODE_IMAGE": "", "HOME": "/h"})
    assert (settings.backend, settings.kind_node_image) == (None, None)
    assert settings.cache == Path("/h/.cache/qmk-compile")


def test_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LocalError, match="BACKEND=kind or BACKEND=native"):
        Settings.from_environment({"BACKEND": "docker"})


def test_failed_command_tells_the_end_of_its_errors(tmp_path: Path) -> None:
    failing = script(tmp_path, "failing", "echo why >&2; exit 3")
    with pytest.raises(CommandFailed, match=r"exit code 3:\nwhy"):
        run([failing], timeout_s=10)


def test_command_that_hangs_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="did not end within"):
        run([script(tmp_path, "hanging", "exec sleep 60")], timeout_s=0.2)


@pytest.mark.parametrize(
    ("body", "works", "finding"),
    [
        ("echo 28.1.1", True, "Docker engine 28.1.1"),
        ("echo no daemon >&2; exit 1", False, "no Docker engine answers"),
        ("exec sleep 60", False, "did not answer"),
    ],
)
def test_docker_engine_is_probed(tmp_path: Path, body: str, works: bool, finding: str) -> None:
    script(tmp_path, "docker", body)
    engine = docker.probe(str(tmp_path), timeout_s=0.5)
    assert engine.works is works
    assert finding in engine.finding


def test_kind_without_an_engine_is_refused(tmp_path: Path) -> None:
    engine = docker.probe(str(tmp_path))
    with pytest.raises(LocalError, match="there is no docker command"):
        docker.require(engine)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("kind v0.33.0 go1.26.8 linux/amd64", (0, 33)),
        ("clientVersion:\n  gitVersion: v1.32.4-dispatcher\n", (1, 32)),
        ("v4.0.1", (4, 0)),
        ("unknown", None),
    ],
)
def test_tool_versions_are_read(text: str, version: tuple[int, int] | None) -> None:
    assert client_tools.parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 linux/amd64", (1, 27, 0)),
        ("module x\n\ngo 1.25.0\n", (1, 25, 0)),
        ("nothing", None),
    ],
)
def test_go_versions_are_read(text: str, version: tuple[int, int, int] | None) -> None:
    assert go_toolchain.parse_version(text) == version


def test_go_module_pins_one_kubernetes() -> None:
    assert go_programs.kubernetes_version((CLONE / "local/go.mod").read_text()) == "v1.34.4"
    with pytest.raises(LocalError):
        go_programs.kubernetes_version("module x\n")


def test_programs_say_the_version_they_were_built_from() -> None:
    flags = go_programs.linker_flags((CLONE / "local/go.mod").read_text())
    assert "component-base/version.gitVersion=v1.34.4" in flags
    assert "chart/common.k8sVersionMinor=34" in flags
    assert "helm/v4/internal/version.version=v4.0.1" in flags


def test_content_key_depends_on_every_part_and_its_place() -> None:
    keys = {go_programs.content_key(parts) for parts in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"])}
    assert len(keys) == 3


def test_scratch_image_is_a_complete_archive_with_the_same_name_each_time(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    image = scratch_image.build("qmk-pause", program, "amd64", tmp_path / "a")
    assert image.reference == scratch_image.build("qmk-pause", program, "amd64", tmp_path).reference
    with tarfile.open(image.archive) as tar:
        blobs = {
            member.name: tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar.getmembers()
        }
    entry = json.loads(blobs["index.json"])["manifests"][0]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == image.reference
    for name, blob in blobs.items():
        if name.startswith("blobs/sha256/"):
            assert name.endswith(hashlib.sha256(blob).hexdigest())
    assert image.reference == f"localhost/qmk-pause:{entry['digest'][7:19]}"


def test_owner_is_read_back_and_damage_means_none(tmp_path: Path) -> None:
    path = tmp_path / "state/owner.json"
    made = Owner("/clone", "boot", "starting", "key", {"net/x": "0"}, ["/var/lib/kubelet"])
    owner.save(made, path)
    assert owner.load(path) == made
    assert made.ready().stage == "ready"
    path.write_text("{")
    assert owner.load(path) is None
    assert owner.load(tmp_path / "absent") is None


def test_second_command_says_for_whom_it_waits_and_gives_up(tmp_path: Path) -> None:
    progress, text = plain()
    lock = tmp_path / "lock"
    with (
        exclusive(lock, "the first command", progress),
        pytest.raises(LocalError, match="the first command"),
        exclusive(lock, "the second command", progress, wait_s=0.1),
    ):
        pass
    assert "Waiting for the first command" in text.getvalue()
    with exclusive(lock, "the third command", progress):
        assert lock.exists()
    assert not lock.exists()


def test_progress_without_a_terminal_is_plain_lines() -> None:
    progress, text = plain()
    with progress, progress.step("Building [x]") as step:
        step.update("1 of 2")
        step.finish_as("already there")
    lines = text.getvalue().splitlines()
    assert lines[0] == "  .. Building [x]"
    assert lines[1].startswith("  ok Building [x] (already there, 0.")


def test_failed_step_is_shown_as_failed() -> None:
    progress, text = plain()
    with pytest.raises(LocalError), progress, progress.step("Starting"):
        raise LocalError("no")
    assert "failed Starting" in text.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0.44, "0.4 s"), (12.4, "12 s"), (428, "7 min 8 s")])
def test_times_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
