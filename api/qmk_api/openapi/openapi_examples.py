"""A reply of each operation that answers with JSON, by operation, for the OpenAPI document."""

from typing import Any

_JOB_ID = "k5t7g3xw2pzq4hmn6ycd3rfbae.my_keymap"
_ADDRESS = f"https://api.example.org/v1/compile/{_JOB_ID}"
_KEYBOARD = "clueboard/66/rev3"
_DATE = "Tue, 24 Nov 2026 08:00:00 GMT"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_COMMIT = "0d9b1a2c3e4f5061728394a5b6c7d8e9f0a1b2c3"
_KEYMAP = {
    "version": 1,
    "keyboard": _KEYBOARD,
    "keymap": "my_keymap",
    "layout": "LAYOUT",
    "layers": [["KC_ESC", "KC_1"]],
}
_HEALTH = {
    "last_ping": 1795507200.25,
    "queue_length": 3,
    "status": "running",
    "status_last_ping": "good",
    "status_tasks_ping": "starting",
    "tasks_ping": None,
    "version": "0.1.0",
}
_TESTED = {"works": True, "warnings": False, "last_tested": 1795507200}
_LOG = {**_TESTED, "message": "Compiling: keymap.c\n"}
_COUNTS = {"keyboards": {_KEYBOARD: 12, "demo/pad6": 3}}
_RESULT = {
    "id": _JOB_ID,
    "keyboard": _KEYBOARD,
    "keymap": "my_keymap",
    "layout": "LAYOUT",
    "returncode": 0,
    "output": "Compiling: keymap.c\n",
    "command": ["qmk", "compile", "request.json"],
    "firmware": None,
    "firmware_filename": "clueboard_66_rev3_my_keymap.hex",
    "keymap_archive": "clueboard_66_rev3_my_keymap.json",
    "keymap_json": "{…}",
    "source_archive": "qmk_firmware-clueboard_66_rev3_my_keymap.zip",
    "firmware_binary_url": [f"{_ADDRESS}/download"],
    "firmware_keymap_url": [f"{_ADDRESS}/keymap"],
    "firmware_source_url": [f"{_ADDRESS}/source"],
    "log_url": [f"{_ADDRESS}/log"],
    "keymap_c_url": [f"{_ADDRESS}/keymap.c"],
    "public_firmware": False,
    "reason": "Completed",
    "message": "the firmware is built",
    "diagnostics": [
        {
            "severity": "warning",
            "message": "'MO(3)' leads to layer 3, and the last layer of the keymap is 1",
            "layer": 0,
            "key": 1,
            "keycode": "MO(3)",
        }
    ],
    "usage": {"flash": {"used": 14210, "limit": 28672}, "ram": None},
    "times": {"queue": 12, "start": 640, "fetch": 41, "generate": 24, "compile": 41, "link": 16},
    "path": "fast",
    "record": "used",
    "sandbox": ["landlock-7", "seccomp", "rlimits"],
    "firmware_commit": _COMMIT,
    "sha256": _SHA256,
    "size": 14210,
}
EXAMPLES: dict[str, Any] = {
    "getRoot": {"children": ["compile", "converters", "keyboards", "skeletons"], **_HEALTH},
    "getHealthcheck": _HEALTH,
    "getHealthz": {"status": "ok"},
    "getReadyz": {"ready": True, "checks": {"s3": True, "kubernetes": True, "redis": True}},
    "getSkeletons": {"children": ["keymap"]},
    "getKeymapSkeleton": {
        "version": 1,
        "notes": "",
        "documentation": "…",
        "keyboard": None,
        "keymap": None,
        "layout": None,
        "layers": [],
    },
    "getKeyboardCounts": _COUNTS,
    "getKeyboardCountsOfDays": _COUNTS,
    "getLocationCounts": {"locations": {}},
    "getLocationCountsOfDays": {"locations": {}},
    "sendTelemetry": {"message": "Thanks for helping to improve QMK!"},
    "getConverters": {"children": ["kle"]},
    "convertKle": {
        "keyboard_name": "My KB",
        "url": "",
        "maintainer": "qmk",
        "layouts": {
            "LAYOUT": {
                "layout": [
                    {"label": "A", "x": 0, "y": 0},
                    {"label": "C", "x": 4, "y": 1, "w": 2, "r": 30, "rx": 4, "ry": 1},
                ]
            }
        },
    },
    "compileKeymap": {"enqueued": True, "job_id": _JOB_ID, "cached": False},
    "getCompileJob": {
        "id": _JOB_ID,
        "status": "finished",
        "is_failed": False,
        "result": _RESULT,
        "firmware_binary_url": _RESULT["firmware_binary_url"],
        "firmware_keymap_url": _RESULT["firmware_keymap_url"],
        "firmware_source_url": _RESULT["firmware_source_url"],
        "created_at": _DATE,
        "enqueued_at": _DATE,
    },
    "getKeymap": _KEYMAP,
    "getBuildStatus": {_KEYBOARD: True, "demo/pad6": False},
    "getBuildSummary": {_KEYBOARD: _TESTED},
    "getBuildLogs": {_KEYBOARD: _LOG},
    "getKeyboardBuildLog": _LOG,
    "getErrorLog": [{"severity": "error", "message": "demo/pad6: no maintainer"}],
    "getKeyboardNames": [_KEYBOARD, "demo/pad6"],
    "getKeyboards": {
        "git_hash": _COMMIT,
        "last_updated": "2026-11-24 06:00:00 GMT",
        "keyboards": {_KEYBOARD: {"keyboard_name": "Clueboard 66% rev3", "layouts": {}}},
    },
}
