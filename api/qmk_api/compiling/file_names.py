"""What downloads are called: as the predecessor named them, users' scripts look for these names."""

from qmk_contract.artifacts import firmware_file_name

__all__ = [
    "firmware_file_name",
    "keymap_c_file_name",
    "keymap_file_name",
    "source_file_name",
]


def keymap_file_name(keyboard: str, keymap_name: str) -> str:
    return f"{keyboard.replace('/', '-')}-{keymap_name}.json"


def keymap_c_file_name(keyboard: str, keymap_name: str) -> str:
    return f"{keyboard.replace('/', '-')}-{keymap_name}.c"


def source_file_name(keyboard: str, keymap_name: str) -> str:
    return f"qmk_firmware-{keyboard.replace('/', '-')}-{keymap_name}.zip"
