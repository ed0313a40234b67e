// SPDX-License-Identifier: Apache-2.0
#include QMK_KEYBOARD_H

enum layers { DIGITS, OPERATORS };

enum custom_keycodes { DOUBLE_ZERO = QK_USER };

const uint16_t PROGMEM keymaps[][MATRIX_ROWS][MATRIX_COLS] = {
    [DIGITS]    = LAYOUT_ortho_2x3(KC_P1, KC_P2, KC_P3, KC_P0, DOUBLE_ZERO, MO(OPERATORS)),
    [OPERATORS] = LAYOUT_ortho_2x3(KC_PPLS, KC_PMNS, KC_PAST, KC_PSLS, KC_PENT, _______),
};

bool process_record_user(uint16_t keycode, keyrecord_t *record) {
    if (keycode != DOUBLE_ZERO) {
        return true;
    }
    if (record->event.pressed) {
        tap_code(KC_P0);
        tap_code(KC_P0);
    }
    return false;
}
