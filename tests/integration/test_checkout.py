"""Trees from git hosts, whose owners may mean no good."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qmk_contract.channels import ChannelSource
from qmk_tasks.checkout import checkout
from qmk_tasks.checkout.checkout import Source
from qmk_tasks.checkout.git import TRANSPORTS, Git
from qmk_tasks.errors import TaskError
from qmk_tasks.planning import sources
from qmk_tasks.settings import GitSettings
from tests.integration.git_server import GitServer, Repository, git, git_server

SETTINGS = GitSettings("/usr/bin:/bin", None, 60, 16 << 20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "repositories").mkdir()
    with git_server(tmp_path / "repositories") as running:
        yield running


@pytest.fixture
def firmware(server: GitServer) -> Repository:
    return server.repository("firmware", {"Makefile": "all:\n"})


@pytest.fixture
def printf(server: GitServer) -> Repository:
    return server.repository("printf", {"printf.h": "// printf\n"})


def fetch(firmware: Repository, folder: Path, settings: GitSettings = SETTINGS) -> Path:
    source = Source(firmware.url, firmware.head(), "refs/heads/master")
    git_ = Git(settings, checkout.check_url("master", firmware.url))
    checkout.checkout(source, folder / "tree", folder / "git", git_)
    return folder / "tree"


def entry(path: str, url: str) -> str:
    return f'[submodule "one"]\n\tpath = {path}\n\turl = {url}\n'


def test_files_come_as_they_are_in_a_checkout(firmware: Repository, tmp_path: Path) -> None:
    program = firmware.work / "run.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (firmware.work / "link").symlink_to("Makefile")
    git(firmware.work, "add", "run.sh", "link")
    firmware.commit({".gitattributes": "*.bat text eol=crlf\n", "x.bat": "a\nb\n"})
    tree = fetch(firmware, tmp_path)
    assert (tree / "x.bat").read_bytes() == b"a\r\nb\r\n"
    assert (tree / "run.sh").stat().st_mode & 0o111
    assert (tree / "link").readlink() == Path("Makefile")
    assert not (tree / ".git").exists()
    assert not (tmp_path / "git").exists()


def test_of_submodules_only_the_trees_own_are_fetched(
    server: GitServer, firmware: Repository, printf: Repository, tmp_path: Path
) -> None:
    other = server.repository("other", {"x": "x\n"})
    printf.link("deeper", other.head(), entry("deeper", "../other.git"))
    pinned = printf.head()
    printf.commit({"printf.h": "// newer\n"})
    firmware.link("lib/printf", pinned, entry("lib/printf", "../printf.git"))
    tree = fetch(firmware, tmp_path)
    assert (tree / "lib/printf/printf.h").read_text() == "// printf\n"
    assert list((tree / "lib/printf/deeper").iterdir()) == []
    assert not [path for path in server.asked if path.startswith("/other")]


@pytest.mark.parametrize(
    ("others", "expected"), [(None, None), ('[http]\n\textraHeader = "Authorization: b"\n', "b")]
)
def test_other_hosts_are_given_only_what_is_meant_for_them(
    server: GitServer, firmware: Repository, tmp_path: Path, others: str | None, expected: str
) -> None:
    config = tmp_path / "config"
    config.write_text('[http]\n\textraHeader = "Authorization: a"\n')
    if others is not None:
        (tmp_path / "others").write_text(others)
    (tmp_path / "elsewhere").mkdir()
    with git_server(tmp_path / "elsewhere") as public:
        printf = public.repository("printf", {"printf.h": "// printf\n"})
        firmware.link("lib/printf", printf.head(), entry("lib/printf", printf.url))
        settings = replace(SETTINGS, config=config)
        assert (fetch(firmware, tmp_path, settings) / "lib/printf/printf.h").is_file()
        assert set(public.authorizations) == {expected}
    assert set(server.authorizations) == {"a"}


@pytest.mark.parametrize(
    ("path", "url", "why"),
    [
        ("lib/printf", "file:///etc", "is not of https, http, ssh, git"),
        ("lib/printf", "/etc", "is not fit"),
        ("lib/printf", "ext::sh -c 'touch /tmp/canary'", "is not fit"),
        ("lib/printf", "--upload-pack=touch", "is not fit"),
        ("lib/printf", "https://a:b@127.0.0.1:9/x", "password"),
        ("elsewhere", "../printf.git", r"no URL in \.gitmodules"),
    ],
)
def test_a_submodule_that_asks_for_more_is_refused(
    firmware: Repository, printf: Repository, tmp_path: Path, path: str, url: str, why: str
) -> None:
    firmware.link("lib/printf", printf.head(), entry(path, url))
    with pytest.raises(TaskError, match=why):
        fetch(firmware, tmp_path)


def test_a_name_that_no_archive_could_hold_is_told(firmware: Repository, tmp_path: Path) -> None:
    name = "quantum/\udcff.h"
    firmware.commit({name: "// odd\n"})
    with pytest.raises(TaskError, match=r"is not UTF-8: 'quantum/\\udcff.h'"):
        fetch(firmware, tmp_path)


def test_nothing_of_a_tree_is_run(firmware: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    evil = f"#!/bin/sh\ntouch {canary}\n"
    config = f'[core]\n\tfsmonitor = "touch {canary}"\n\thooksPath = hooks\n'
    firmware.commit(
        {
            ".gitattributes": "* filter=evil diff=evil\n",
            ".gitconfig": config,
            "hooks/post-checkout": evil,
            "hooks/post-index-change": evil,
        }
    )
    tree = fetch(firmware, tmp_path)
    assert (tree / "hooks/post-checkout").read_text() == evil
    assert not canary.exists()


def test_a_link_in_place_of_a_submodules_folder_leads_nowhere(
    firmware: Repository, printf: Repository, tmp_path: Path
) -> None:
    """A tree that git itself would not make: two entries of one name."""
    outside = tmp_path / "outside"
    outside.mkdir()
    firmware.link("lib/printf", printf.head(), entry("lib/printf", "../printf.git"))
    folder = git(firmware.work, "rev-parse", "HEAD:lib").strip()
    modules = git(firmware.work, "rev-parse", "HEAD:.gitmodules").strip()
    (tmp_path / "target").write_text(str(outside))
    link = git(firmware.work, "hash-object", "-w", str(tmp_path / "target")).strip()
    entries = (("100644 .gitmodules", modules), ("120000 lib", link), ("40000 lib", folder))
    raw = b"".join(name.encode() + b"\0" + bytes.fromhex(digest) for name, digest in entries)
    (tmp_path / "raw").write_bytes(raw)
    words = ("hash-object", "-t", "tree", "-w", "--literally", str(tmp_path / "raw"))
    evil = git(firmware.work, *words).strip()
    commit = git(firmware.work, "commit-tree", "-m", "evil", evil).strip()
    git(firmware.work, "reset", "--soft", commit)
    firmware.push(f"{commit}:refs/heads/master")
    written = fetch(firmware, tmp_path)
    assert not (written / "lib").is_symlink()
    assert (written / "lib/printf/printf.h").is_file()
    assert list(outside.iterdir()) == []


def test_more_than_may_be_taken_is_not(firmware: Repository, tmp_path: Path) -> None:
    noise = "\n".join(f"{number * 7919 % 1_000_003}" for number in range(400_000))
    firmware.commit({"noise": noise})
    small = GitSettings(SETTINGS.search_path, None, 60, 1 << 20)
    with pytest.raises(TaskError):
        fetch(firmware, tmp_path, small)


def test_a_host_that_is_silent_is_given_up(tmp_path: Path) -> None:
    """Something listens, and never answers."""
    code = "import socket,sys; s=socket.create_server(('127.0.0.1',0)); " \
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"  # fmt: skip
    with subprocess.Popen(
        ["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as silent:
        assert silent.stdout is not None
        port = silent.stdout.readline().strip()
        quick = GitSettings(SETTINGS.search_path, None, 2, 1 << 20)
        source = Source(f"http://127.0.0.1:{port}/x.git", "a" * 40)
        with pytest.raises(TaskError, match="git fetch took longer than 2 s; a tree and"):
            checkout.checkout(source, tmp_path / "tree", tmp_path / "git", Git(quick, TRANSPORTS))
        silent.kill()


def test_without_time_no_host_is_asked(
    server: GitServer, firmware: Repository, tmp_path: Path
) -> None:
    late = GitSettings(SETTINGS.search_path, None, 0, SETTINGS.bytes_max)
    with pytest.raises(TaskError, match=r"no time is left; .* may take 0 s"):
        fetch(firmware, tmp_path, late)
    assert server.asked == []


def test_both_reasons_of_a_host_are_told(
    server: GitServer, firmware: Repository, tmp_path: Path
) -> None:
    """It gives no commit by itself, and has not the ref that led to it."""
    source = Source(f"{server.url}/dumb/firmware.git", firmware.head(), "refs/heads/gone")
    with pytest.raises(TaskError, match=r"refs/heads/gone.*; and without its history, .*shallow"):
        checkout.checkout(source, tmp_path / "tree", tmp_path / "git", Git(SETTINGS))


def test_a_branch_comes_before_a_tag_of_its_name(firmware: Repository) -> None:
    first = firmware.head()
    git(firmware.work, "tag", "--annotate", "--message=one", "master")
    firmware.push("refs/tags/master")
    git(firmware.work, "tag", "--annotate", "--message=one", "v1")
    firmware.push("v1")
    second = firmware.commit({"x": "x\n"})
    found = {
        ref: sources.find(ChannelSource("c", firmware.url, ref), SETTINGS)
        for ref in ("master", "refs/tags/master", "v1", first)
    }
    assert {ref: one.commit for ref, one in found.items()} == {
        "master": second,
        "refs/tags/master": first,
        "v1": first,
        first: first,
    }
    assert found["master"].ref == "refs/heads/master"
    with pytest.raises(TaskError, match="has no branch and no tag mast"):
        sources.find(ChannelSource("c", firmware.url, "mast"), SETTINGS)


def test_git_says_why_without_what_a_url_holds(firmware: Repository) -> None:
    url = firmware.url.replace("http://", "http://token@").replace("firmware", "none")
    with pytest.raises(TaskError, match=r"ls-remote failed: .*none") as caught:
        sources.find(ChannelSource("c", url, "master"), SETTINGS)
    assert "token" not in str(caught.value)


def test_a_repository_of_the_longer_digests_is_read(server: GitServer, tmp_path: Path) -> None:
    work = server.root / "long"
    git(server.root, "init", "--quiet", "--object-format=sha256", "--initial-branch=master", "long")
    (work / "Makefile").write_text("all:\n")
    git(work, "add", "Makefile")
    git(work, "commit", "--quiet", "--message=one")
    commit = git(work, "rev-parse", "HEAD").strip()
    url = f"{server.url}/long/.git"
    assert sources.find(ChannelSource("c", url, "master"), SETTINGS).commit == commit
    source = Source(url, commit, "refs/heads/master")
    checkout.checkout(source, tmp_path / "tree", tmp_path / "git", Git(SETTINGS))
    assert len(commit) == 64
    assert (tmp_path / "tree/Makefile").read_text() == "all:\n"
