// SPDX-License-Identifier: Apache-2.0
#include QMK_KEYBOARD_H

static const gpio_t data_pin  = GPIO(D, 6);
static const gpio_t clock_pin = GPIO(D, 7);

static const char built[] PROGMEM = "Built on " __DATE__ " at " __TIME__;

void keyboard_post_init_kb(void) {
    for (uint8_t i = 0; i < sizeof(built); i++) {
        for (uint8_t bit = 0x80; bit != 0; bit >>= 1) {
            if (pgm_read_byte(&built[i]) & bit) {
                gpio_input_pullup(&data_pin);
            } else {
                gpio_output_low(&data_pin);
            }
            gpio_output_low(&clock_pin);
            gpio_input_pullup(&clock_pin);
        }
    }
}
