"""default_keyboard.c: how a keyboard's matrix is wired."""

from qmk.constants import GENERATED_HEADER_C_LIKE


def keyboard_c(info):
    """Returns the lines of default_keyboard.c."""
    pins = info["matrix_pins"]
    return [
        GENERATED_HEADER_C_LIKE,
        "#include QMK_KEYBOARD_H",
        "",
        _pins("matrix_row_pins[MATRIX_ROWS]", pins["rows"]),
        _pins("matrix_col_pins[MATRIX_COLS]", pins["cols"]),
    ]


def _pins(declaration, pins):
    values = ", ".join(f"GPIO({pin[0]}, {pin[1]})" for pin in pins)
    return f"const gpio_t {declaration} = {{{values}}};"
