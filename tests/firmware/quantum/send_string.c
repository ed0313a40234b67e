// SPDX-License-Identifier: Apache-2.0
#include "send_string.h"

#include <avr/pgmspace.h>
#include <stdint.h>

#include "host.h"
#include "keycodes.h"

#define SHIFTED 0x80

// The key for each character from the space on; the highest bit asks for shift.
static const uint8_t ascii_keys[] PROGMEM = {
    KC_SPACE, KC_1 | SHIFTED, KC_QUOTE | SHIFTED, KC_3 | SHIFTED, KC_4 | SHIFTED, KC_5 | SHIFTED, KC_7 | SHIFTED, KC_QUOTE,
    KC_9 | SHIFTED, KC_0 | SHIFTED, KC_8 | SHIFTED, KC_EQUAL | SHIFTED, KC_COMMA, KC_MINUS, KC_DOT, KC_SLASH,
    KC_0, KC_1, KC_2, KC_3, KC_4, KC_5, KC_6, KC_7,
    KC_8, KC_9, KC_SEMICOLON | SHIFTED, KC_SEMICOLON, KC_COMMA | SHIFTED, KC_EQUAL, KC_DOT | SHIFTED, KC_SLASH | SHIFTED,
    KC_2 | SHIFTED, KC_A | SHIFTED, KC_B | SHIFTED, KC_C | SHIFTED, KC_D | SHIFTED, KC_E | SHIFTED, KC_F | SHIFTED, KC_G | SHIFTED,
    KC_H | SHIFTED, KC_I | SHIFTED, KC_J | SHIFTED, KC_K | SHIFTED, KC_L | SHIFTED, KC_M | SHIFTED, KC_N | SHIFTED, KC_O | SHIFTED,
    KC_P | SHIFTED, KC_Q | SHIFTED, KC_R | SHIFTED, KC_S | SHIFTED, KC_T | SHIFTED, KC_U | SHIFTED, KC_V | SHIFTED, KC_W | SHIFTED,
    KC_X | SHIFTED, KC_Y | SHIFTED, KC_Z | SHIFTED, KC_LEFT_BRACKET, KC_BACKSLASH, KC_RIGHT_BRACKET, KC_6 | SHIFTED, KC_MINUS | SHIFTED,
    KC_GRAVE, KC_A, KC_B, KC_C, KC_D, KC_E, KC_F, KC_G,
    KC_H, KC_I, KC_J, KC_K, KC_L, KC_M, KC_N, KC_O,
    KC_P, KC_Q, KC_R, KC_S, KC_T, KC_U, KC_V, KC_W,
    KC_X, KC_Y, KC_Z, KC_LEFT_BRACKET | SHIFTED, KC_BACKSLASH | SHIFTED, KC_RIGHT_BRACKET | SHIFTED, KC_GRAVE | SHIFTED,
};
_Static_assert(sizeof(ascii_keys) == '~' - ' ' + 1, "every printable character needs its key");

static void type(char character) {
    if (character == '\n') {
        tap_code(KC_ENTER);
    } else if (character == '\t') {
        tap_code(KC_TAB);
    } else if (character >= ' ' && character <= '~') {
        const uint8_t key = pgm_read_byte(&ascii_keys[character - ' ']);
        if (key & SHIFTED) {
            register_code(KC_LEFT_SHIFT);
        }
        tap_code(key & ~SHIFTED);
        if (key & SHIFTED) {
            unregister_code(KC_LEFT_SHIFT);
        }
    }
}

void send_string_P(const char *text) {
    for (char character; (character = pgm_read_byte(text)) != '\0'; text++) {
        type(character);
    }
}
