"""`qmk generate-api`: the metadata of all keyboards as files for a web server."""

import json
import shutil
import time
from pathlib import Path

from milc import cli

from qmk.constants import DATETIME_FORMAT
from qmk.info import info_json
from qmk.json_schema import json_load
from qmk.keyboard import find_readme, keyboard_alias_definitions, list_keyboards
from qmk.keycodes import list_versions, load_spec
from qmk.keymap import list_keymaps

DATA = Path("data")
TEMPLATE = DATA / "templates" / "api"
BUILD_API = Path(".build/api_data")

# Where a keymap's `url` points. This tree is not published; its API serves the `path`.
_KEYMAP_URL = "https://firmware.invalid/"


@cli.argument(
    "-n", "--dry-run", arg_only=True, action="store_true", help="Write nothing about keyboards."
)
@cli.argument(
    "-f",
    "--filter",
    arg_only=True,
    action="append",
    default=[],
    help="Only keyboards with this text in their name. May be passed several times.",
)
@cli.subcommand("Generate the API's data.", hidden=True)
def generate_api(cli):
    """Writes .build/api_data anew: one file for each keyboard, and the lists of all."""
    files = _ApiFiles(BUILD_API / "v1", dry_run=cli.args.dry_run)
    names = [
        name
        for name in list_keyboards()
        if not cli.args.filter or any(text in name for text in cli.args.filter)
    ]
    keyboards = {name: _keyboard(name) for name in names}
    shutil.rmtree(BUILD_API, ignore_errors=True)
    shutil.copytree(TEMPLATE, BUILD_API)
    _copy_data(files.root)
    for name, info in keyboards.items():
        _write_keyboard(files, name, info)
    _write_lists(files, keyboards)


class _ApiFiles:
    """The folder of the API's files; each carries the same time."""

    def __init__(self, root, dry_run):
        self.root = root
        self._dry_run = dry_run
        self._last_updated = time.strftime(DATETIME_FORMAT, time.gmtime())

    def write(self, path, **content):
        """Writes one file that says when it was made."""
        self.write_plain(path, {"last_updated": self._last_updated, **content})

    def write_plain(self, path, content):
        """Writes one file that holds just this content."""
        if not self._dry_run:
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(content, separators=(",", ":")), "utf-8")

    def copy(self, source, path):
        """Copies one file as it is."""
        if not self._dry_run:
            shutil.copyfile(source, self.root / path)


def _keyboard(name):
    info = info_json(name)
    for folder in list_keymaps(name, c=False, fullpath=True):
        if not (folder / "keymap.c").exists():
            path = (folder / "keymap.json").as_posix()
            info["keymaps"][folder.name] = {"url": _KEYMAP_URL + path, "path": path}
    return info


def _copy_data(root):
    for source in sorted(path for path in DATA.rglob("*") if path.is_file()):
        if source.is_relative_to(DATA / "constants"):
            continue
        target = root / source.relative_to(DATA)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".hjson":
            text = json.dumps(json_load(source), separators=(",", ":"))
            target.with_suffix(".json").write_text(text, "utf-8")
        else:
            shutil.copyfile(source, target)


def _write_keyboard(files, name, info):
    folder = Path("keyboards") / name
    files.write(folder / "info.json", keyboards={name: info})
    readme = find_readme(name)
    if readme:
        files.copy(readme, folder / "readme.md")
    for keymap in info["keymaps"].values():
        files.write_plain(keymap["path"], json_load(Path(keymap["path"])))


def _write_lists(files, keyboards):
    names = sorted(keyboards)
    aliases = keyboard_alias_definitions()
    usb = _usb_devices(keyboards)
    files.write("keyboards.json", keyboards=keyboards)
    files.write("keyboard_list.json", keyboards=names)
    files.write("keyboard_aliases.json", keyboard_aliases=aliases)
    files.write("keyboard_metadata.json", keyboards=names, keyboard_aliases=aliases, usb=usb)
    files.write("usb.json", usb=usb)
    versions = list_versions()
    for version in versions:
        files.write_plain(f"constants/keycodes_{version}.json", load_spec(version))
    files.write("constants_metadata.json", constants={"keycodes": versions})


def _usb_devices(keyboards):
    devices = {}
    for name, info in keyboards.items():
        usb = info["usb"]
        devices.setdefault(usb["vid"], {}).setdefault(usb["pid"], {})[name] = usb
    return devices
