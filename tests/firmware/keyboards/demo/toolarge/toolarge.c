// SPDX-License-Identifier: Apache-2.0
#include QMK_KEYBOARD_H

#define PICTURE_BYTES (27 * 1024)

static const gpio_t data_pin  = GPIO(D, 6);
static const gpio_t clock_pin = GPIO(D, 7);

// A chequered pattern, one bit for each dot.
static const uint8_t picture[PICTURE_BYTES] PROGMEM = {[0 ... PICTURE_BYTES - 1] = 0x5A};

static void shift_out(uint8_t byte) {
    for (uint8_t bit = 0x80; bit != 0; bit >>= 1) {
        if (byte & bit) {
            gpio_input_pullup(&data_pin);
        } else {
            gpio_output_low(&data_pin);
        }
        gpio_output_low(&clock_pin);
        gpio_input_pullup(&clock_pin);
    }
}

void keyboard_post_init_kb(void) {
    for (uint16_t i = 0; i < PICTURE_BYTES; i++) {
        shift_out(pgm_read_byte(&picture[i]));
    }
}
