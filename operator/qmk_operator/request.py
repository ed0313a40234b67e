"""From a CompileJob's spec to what is built: checked by the contract against a published tree."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from qmk_contract.artifacts import CHANNEL_PATTERN, COMMIT_PATTERN
from qmk_contract.build_key import (
    build_key,
    canonical_json,
    keymap_name_in_build,
    request_document,
)
from qmk_contract.compile_job import CompileJobSpec
from qmk_contract.errors import RequestError
from qmk_contract.keyboard_record import is_plain, plain_keymap, record_digest
from qmk_contract.keyboards import Keyboard, check_keyboard_name, resolve_alias
from qmk_contract.keymap import Keymap, normalise_keymap, sanitise_name
from qmk_contract.phases import JobClass, Reason
from qmk_contract.snapshot import Layer, Manifest
from qmk_operator.records import RecordIdentity

_CHIBIOS = "chibios"


class Catalogue(Protocol):
    """What is published: None stands for what is not there."""

    async def channel_commit(self, channel: str) -> str | None: ...

    async def manifest(self, commit: str) -> Manifest | None: ...

    async def aliases(self, commit: str) -> Mapping[str, Any]: ...

    async def keyboard(self, commit: str, name: str) -> Keyboard | None: ...


@dataclass(frozen=True)
class BuildRequest:
    """One build: its key, its keymap document as stored, and the archives it unpacks.

    ``record`` says which record serves it, if any can. ``may_record``: no word of a user is in
    the request, so the build may leave that record.
    """

    key: str
    firmware_commit: str
    toolchain_digest: str
    keyboard: str
    keymap_name: str
    document: bytes
    layers: tuple[Layer, ...]
    record: RecordIdentity | None = None
    may_record: bool = False


async def resolve(
    spec: CompileJobSpec, pinned_commit: str | None, catalogue: Catalogue, toolchain_digest: str
) -> BuildRequest:
    """Check a spec and fill what it leaves open.

    ``pinned_commit`` is the commit that an earlier look at the channel settled on.

    Raises:
        RequestError: no build can be made of it.
    """
    name = check_keyboard_name(spec.keyboard)
    commit = spec.firmware_commit or pinned_commit or await _channel_commit(spec, catalogue)
    manifest = await _manifest(commit, catalogue)
    keyboard = await _keyboard(name, commit, catalogue)
    keymap = keyboard.check(normalise_keymap(spec.keymap))
    keymap_name = sanitise_name(spec.keymap_name)
    # A converter swaps the board's microcontroller for an RP2040 or ARM one.
    converted = "converter" in keymap.fields
    platform = _CHIBIOS if converted else keyboard.platform
    try:
        layers = manifest.layers_for(keyboard.name, platform)
    except KeyError as error:
        raise _unknown_keyboard(name) from error
    record = None if converted else _record(manifest, layers, keyboard, toolchain_digest)
    return BuildRequest(
        key=build_key(
            firmware_commit=commit,
            toolchain_digest=toolchain_digest,
            keyboard=keyboard.name,
            keymap=keymap,
            keymap_name=keymap_name,
        ),
        firmware_commit=commit,
        toolchain_digest=toolchain_digest,
        keyboard=keyboard.name,
        keymap_name=keymap_name_in_build(keymap, keymap_name),
        document=canonical_json(request_document(keyboard.name, keymap, keymap_name)),
        layers=layers,
        record=record,
        may_record=record is not None and may_record(spec.job_class, keyboard, keymap),
    )


def may_record(job_class: JobClass, keyboard: Keyboard, keymap: Keymap) -> bool:
    """Whether a build's objects may be linked into other people's firmware.

    Requests of users come as other classes; and of what they may say there is nothing in it.
    """
    return job_class is JobClass.TEST and is_plain(keyboard, keymap)


def _record(
    manifest: Manifest, layers: tuple[Layer, ...], keyboard: Keyboard, toolchain_digest: str
) -> RecordIdentity | None:
    plain = plain_keymap(keyboard)
    if manifest.generator is None or plain is None:
        return None
    digest = record_digest(layers, toolchain_digest)
    return RecordIdentity(digest, keyboard.name, manifest.generator, plain)


async def _channel_commit(spec: CompileJobSpec, catalogue: Catalogue) -> str:
    known = re.fullmatch(CHANNEL_PATTERN, spec.channel) is not None
    commit = await catalogue.channel_commit(spec.channel) if known else None
    if commit is None:
        raise RequestError(
            Reason.UNKNOWN_CHANNEL, f"there is no firmware channel {spec.channel[:63]}"
        )
    return commit


async def _manifest(commit: str, catalogue: Catalogue) -> Manifest:
    known = re.fullmatch(COMMIT_PATTERN, commit) is not None
    manifest = await catalogue.manifest(commit) if known else None
    if manifest is None:
        raise RequestError(
            Reason.UNKNOWN_FIRMWARE_COMMIT, f"firmware commit {commit[:64]} is not published"
        )
    return manifest


async def _keyboard(name: str, commit: str, catalogue: Catalogue) -> Keyboard:
    current = check_keyboard_name(resolve_alias(name, await catalogue.aliases(commit)))
    keyboard = await catalogue.keyboard(commit, current)
    if keyboard is None:
        raise _unknown_keyboard(name)
    return keyboard


def _unknown_keyboard(name: str) -> RequestError:
    return RequestError(Reason.UNKNOWN_KEYBOARD, f"the firmware has no keyboard {name}")
