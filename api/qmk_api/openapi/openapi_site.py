"""The keyboard site's pages as OpenAPI operations. No route serves them, an index does."""

from dataclasses import dataclass
from typing import Any

from qmk_api.openapi.openapi_replies import ERRORS, UNCHANGED, Replies, errors
from qmk_contract.artifacts import JSON, SITE_PATH_PATTERN, TEXT
from qmk_contract.patterns import KEYBOARD_PATTERN
from qmk_contract.site import MARKDOWN

TAG = "keyboard site"
_KEYBOARD = "clueboard/66/rev3"
_INFO = {
    "keyboard_folder": _KEYBOARD,
    "keyboard_name": "Clueboard 66% rev3",
    "layouts": {"LAYOUT": {"layout": [{"label": "Esc", "matrix": [0, 0], "x": 0, "y": 0}]}},
    "layout_aliases": {},
}
_ALIASES = {"2_milk": {"target": "spaceman/2_milk"}}
_USB = {"0xC1ED": {"0x2370": {_KEYBOARD: {"device_version": "0.0.1"}}}}
_OBJECT: dict[str, Any] = {"type": "object"}
_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "Names these bytes."},
    "Content-Encoding": {"schema": {"type": "string", "enum": ["gzip", "zstd"]}},
}
_PARAMETERS = {
    "keyboard": ("A keyboard, slashes and all, or an old name of one.", KEYBOARD_PATTERN),
    "path": ("A path, slashes and all.", SITE_PATH_PATTERN),
}


@dataclass(frozen=True)
class _Pages:
    """A page, or all pages of one kind.

    ``example`` is one of the parameter in ``path``. ``members`` are those of a JSON document beside
    its date, with examples; {} is any document, None is a text.
    """

    path: str
    operation: str
    summary: str
    example: str = ""
    members: dict[str, tuple[dict[str, Any], Any]] | None = None
    media_types: tuple[str, ...] = (JSON,)


_PAGES = (
    _Pages("/readme.md", "getSiteReadme", "About the keyboard site", media_types=(MARKDOWN,)),
    _Pages(
        "/v1/keyboard_list.json",
        "getKeyboardList",
        "The names of all keyboards",
        members={"keyboards": (_NAMES, [_KEYBOARD])},
    ),
    _Pages(
        "/v1/keyboard_aliases.json",
        "getKeyboardAliases",
        "Old names of keyboards",
        members={"keyboard_aliases": (_OBJECT, _ALIASES)},
    ),
    _Pages(
        "/v1/keyboard_metadata.json",
        "getKeyboardMetadata",
        "Names, old names and USB ids of keyboards in one",
        members={
            "keyboards": (_NAMES, [_KEYBOARD]),
            "keyboard_aliases": (_OBJECT, _ALIASES),
            "usb": (_OBJECT, _USB),
        },
    ),
    _Pages(
        "/v1/keyboards.json",
        "getKeyboardInfos",
        "All about all keyboards: tens of megabytes, unless compressed",
        members={"keyboards": (_OBJECT, {_KEYBOARD: _INFO})},
    ),
    _Pages(
        "/v1/usb.json",
        "getUsbIds",
        "Keyboards by USB vendor and product",
        members={"usb": (_OBJECT, _USB)},
    ),
    _Pages(
        "/v1/constants_metadata.json",
        "getConstantsMetadata",
        "What versions of constants there are",
        members={"constants": (_OBJECT, {"keycodes": ["0.0.1"]})},
    ),
    _Pages(
        "/v1/constants/{path}",
        "getConstants",
        "Keycodes and their like, by version",
        "keycodes_0.0.1.json",
        {},
    ),
    _Pages(
        "/v1/keyboards/{keyboard}/info.json",
        "getKeyboardInfo",
        "All about a keyboard, under the name that is asked for",
        _KEYBOARD,
        {"keyboards": (_OBJECT, {_KEYBOARD: _INFO})},
    ),
    _Pages(
        "/v1/keyboards/{keyboard}/readme.md",
        "getKeyboardReadmeFile",
        "The readme of a keyboard",
        _KEYBOARD,
        media_types=(MARKDOWN,),
    ),
    _Pages(
        "/v1/keyboards/{path}/keymap.json",
        "getPublishedKeymap",
        "A keymap of the firmware tree, at its path there",
        f"keyboards/{_KEYBOARD}/keymaps/default",
        {},
    ),
    _Pages(
        "/v1/mappings/{path}",
        "getMapping",
        "How an info.json becomes C and make",
        "info_config.json",
        {},
    ),
    _Pages("/v1/schemas/{path}", "getSchema", "A schema of QMK", "keymap.jsonschema", {}),
    _Pages(
        "/v1/templates/{path}",
        "getTemplate",
        "A template of the firmware tree",
        "api/readme.md",
        media_types=(TEXT, MARKDOWN),
    ),
)


def site_paths() -> dict[str, Any]:
    """Path items of all pages; errors refer to the document's schema of them."""
    return {pages.path: {"get": _operation(pages)} for pages in _PAGES}


def _operation(pages: _Pages) -> dict[str, Any]:
    usual = {
        "description": "The file, in the coding that the caller prefers.",
        "content": {media_type: _content(pages) for media_type in pages.media_types},
        "headers": _HEADERS,
    }
    replies: Replies = {200: usual, **UNCHANGED, **errors(404, 406, 500, 503), **ERRORS}
    operation: dict[str, Any] = {
        "tags": [TAG],
        "summary": pages.summary,
        "description": f"{pages.summary}. May be a minute old.",
        "operationId": pages.operation,
        "responses": {str(code): _referring(reply) for code, reply in replies.items()},
    }
    if pages.example:
        name = "keyboard" if "{keyboard}" in pages.path else "path"
        description, pattern = _PARAMETERS[name]
        operation["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": description,
                "schema": {"type": "string", "pattern": f"^{pattern}$"},
                "example": pages.example,
            }
        ]
    return operation


def _content(pages: _Pages) -> dict[str, Any]:
    if pages.members is None:
        return {"schema": {"type": "string"}, "example": "# Clueboard 66%\n"}
    if not pages.members:
        return {"schema": _OBJECT, "example": {}}
    schemas = {"last_updated": {"type": "string"}}
    schemas |= {name: schema for name, (schema, _) in pages.members.items()}
    example = {name: value for name, (_, value) in pages.members.items()}
    return {
        "schema": {"type": "object", "required": list(schemas), "properties": schemas},
        "example": {"last_updated": "2026-11-24 06:00:00 GMT", **example},
    }


def _referring(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply whose model is told by reference."""
    if "model" not in reply:
        return reply
    schema = {"$ref": f"#/components/schemas/{reply['model'].__name__}"}
    content = {JSON: {"schema": schema, **reply.get("content", {}).get(JSON, {})}}
    return {**{key: value for key, value in reply.items() if key != "model"}, "content": content}
