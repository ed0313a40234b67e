"""The S3 layout: every object key and its content type. No key is made anywhere else."""

import re

from qmk_contract.patterns import KEYBOARD_PATTERN

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"
ZSTD = "application/zstd"
ZIP = "application/zip"
C_SOURCE = "text/x-c; charset=utf-8"

REQUEST = "request.json"
FIRMWARE = "firmware"
LOG = "log.txt"
#: What a run printed that left no result. By a name of its own, for a result of another run of the
#: same build may name LOG by its size and digest.
FAILED_LOG = "failed-log.txt"
RESULT = "result.json"
KEYMAP_C = "keymap.c"
#: Of a build that records its keyboard, by the names that the pod has for them: stored by
#: `keyboard_record` and `record_pointer`, not beside the build.
RECORD = "record.tar.zst"
RECORD_POINTER = "record.json"

CONTENT_TYPES = {
    REQUEST: JSON,
    FIRMWARE: BINARY,
    LOG: TEXT,
    FAILED_LOG: TEXT,
    RESULT: JSON,
    KEYMAP_C: C_SOURCE,
    RECORD: ZSTD,
    RECORD_POINTER: JSON,
}
#: Objects that are no build's own.
_SHARED = frozenset({RECORD, RECORD_POINTER})

COMMIT_PATTERN = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"
DIGEST_PATTERN = r"[0-9a-f]{64}"
CHANNEL_PATTERN = r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?"
FOLDER_PATTERN = r"[a-z0-9_][a-z0-9_-]*"
SITE_PATH_PATTERN = r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*"
#: With the commit and what stands before it, a key has no more than the 1,024 bytes that S3 takes.
_SITE_PATH_MAX = 900
#: The keyboard site's paths as `qmk generate-api` makes them. A page is served before any route of
#: the API is looked at, so none of them may be a route's path.
_SITE_PATHS = re.compile(
    r"readme\.md"
    r"|v1/[A-Za-z0-9_-]+\.json"
    r"|v1/keyboards/(?:[A-Za-z0-9_.-]+/)+(?:info\.json|keymap\.json|readme\.md)"
    rf"|v1/(?:constants|mappings|schemas|templates)/{SITE_PATH_PATTERN}"
)
#: Content codings (RFC 9110, section 8.4.1) in which large metadata is stored beside itself.
CODINGS = ("gzip", "zstd")
#: What the keys of all keyboards' statuses begin with.
STATUSES = "status/"
#: What the keys of all channels' pointers, of all commits' objects and of all records begin with.
CHANNELS = "channels/"
COMMITS = "firmware/"
RECORDS = "cache/"
#: What the keys of all notes begin with that commits are named by nothing.
UNNAMED = "unnamed/"


def build(key: str, name: str) -> str:
    """An object of one build: ``name`` is one of this module's constants."""
    if name not in CONTENT_TYPES.keys() - _SHARED:
        raise ValueError(f"no such object of a build: {name!r}")
    return f"builds/{key}/{name}"


def firmware_file_name(keyboard: str, keymap_name: str, extension: str) -> str:
    """What users call the firmware of one keymap, as QMK's own build names it."""
    return f"{keyboard.replace('/', '_')}_{keymap_name}.{extension}"


def channel(name: str) -> str:
    """The pointer that says which commit a channel is at."""
    return f"{CHANNELS}{_checked(CHANNEL_PATTERN, name)}.json"


def channel_of_pointer(key: str) -> str | None:
    """The channel whose pointer an object is; None if it is none."""
    match = re.fullmatch(rf"{CHANNELS}({CHANNEL_PATTERN})\.json", key)
    return match[1] if match else None


def keyboard_status(keyboard: str) -> str:
    """How the last test of a keyboard's build ended."""
    return f"{STATUSES}{_checked(KEYBOARD_PATTERN, keyboard)}.json"


def keyboard_of_status(key: str) -> str | None:
    """The keyboard whose status an object is; None if it is no status."""
    match = re.fullmatch(rf"{STATUSES}({KEYBOARD_PATTERN})\.json", key)
    return match[1] if match else None


def keyboard_record(digest: str, keyboard: str) -> str:
    """What a trusted build kept of a keyboard; ``digest`` is `keyboard_record.record_digest`'s."""
    return f"{_record(digest, keyboard)}.tar.zst"


def record_pointer(digest: str, keyboard: str) -> str:
    """Size and digest of a keyboard's record, written after it."""
    return f"{_record(digest, keyboard)}.json"


def digest_of_record(key: str) -> str | None:
    """What a record or a pointer to one is keyed by; None if an object is neither."""
    match = re.fullmatch(rf"{RECORDS}({DIGEST_PATTERN})/.+", key)
    return match[1] if match else None


def refresh_status(name: str) -> str:
    """How the last refresh of a channel ended, or how far the one under way is."""
    return f"refresh-status/{_checked(CHANNEL_PATTERN, name)}.json"


def refresh_request(name: str) -> str:
    """The flag that asks for a channel's firmware to be published anew."""
    return f"refresh/{_checked(CHANNEL_PATTERN, name)}.json"


def publication(commit: str) -> str:
    """Who publishes or removes a commit at the moment: one at a time."""
    return f"publishing/{_checked(COMMIT_PATTERN, commit)}.json"


def unnamed(commit: str) -> str:
    """A note, as old as nothing has named a commit that is stored."""
    return f"{UNNAMED}{_checked(COMMIT_PATTERN, commit)}.json"


def incoming(sha256: str) -> str:
    """A packed firmware tree on its way to be published; gone afterwards."""
    return f"incoming/{_checked(DIGEST_PATTERN, sha256)}.tar.zst"


def firmware(commit: str) -> str:
    """What the keys of all objects of a commit begin with."""
    return f"{_firmware(commit)}/"


def commit_of_prefix(prefix: str) -> str | None:
    """The commit whose objects' keys begin so; None if `firmware` makes no such prefix."""
    match = re.fullmatch(rf"{COMMITS}({COMMIT_PATTERN})/", prefix)
    return match[1] if match else None


def manifest(commit: str) -> str:
    """The list of a commit's layers with their digests, written after all of them."""
    return f"{_firmware(commit)}/manifest.json"


def core(commit: str) -> str:
    """Everything of a tree but its keyboards and ChibiOS."""
    return f"{_firmware(commit)}/core.tar.zst"


def generator(commit: str) -> str:
    """What the tree's own Python needs to turn a keymap into C: its code and its data."""
    return f"{_firmware(commit)}/generator.tar.zst"


def chibios(commit: str) -> str:
    """What only ARM and RP2040 boards need besides the core."""
    return f"{_firmware(commit)}/chibios.tar.zst"


def keyboard_folder(commit: str, folder: str) -> str:
    """One top-level folder below the tree's ``keyboards/``."""
    return f"{_firmware(commit)}/keyboards/{_checked(FOLDER_PATTERN, folder)}.tar.zst"


def source(commit: str) -> str:
    """The whole tree as users download it."""
    return f"{_firmware(commit)}/source.zip"


def site_index(commit: str) -> str:
    """The list of the keyboard site's files, written after all of them; itself none of them."""
    return f"{_firmware(commit)}/site.json"


def is_site_path(path: str) -> bool:
    """Whether the keyboard site may have a file of that path, relative to its root."""
    if len(path) > _SITE_PATH_MAX or {".", ".."} & {*path.split("/")}:
        return False
    return _SITE_PATHS.fullmatch(path) is not None


def site_file(commit: str, path: str, coding: str | None = None) -> str:
    """A file that ``qmk generate-api`` wrote, as it is or compressed.

    ``path`` is relative to the folder that it wrote to, ``coding`` is one of CODINGS.

    Raises:
        ValueError: no file of the site can have that path.
    """
    if not is_site_path(path):
        raise ValueError(f"not a path of the keyboard site: {path!r}")
    if coding is not None and coding not in CODINGS:
        raise ValueError(f"not a content coding: {coding!r}")
    return f"{_firmware(commit)}/{f'api-{coding}' if coding else 'api'}/{path}"


def metadata(commit: str, path: str) -> str:
    """A file of the site's ``v1`` folder; ``path`` is relative to that."""
    return site_file(commit, f"v1/{path}")


def keyboard_list(commit: str) -> str:
    return metadata(commit, "keyboard_list.json")


def keyboard_aliases(commit: str) -> str:
    return metadata(commit, "keyboard_aliases.json")


def keyboard_info(commit: str, keyboard: str) -> str:
    return metadata(commit, f"keyboards/{keyboard}/info.json")


def _record(digest: str, keyboard: str) -> str:
    return f"{RECORDS}{_checked(DIGEST_PATTERN, digest)}/{_checked(KEYBOARD_PATTERN, keyboard)}"


def _firmware(commit: str) -> str:
    return f"{COMMITS}{_checked(COMMIT_PATTERN, commit)}"


def _checked(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(f"not fit for an object key: {text!r}")
    return text
