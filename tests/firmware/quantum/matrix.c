// SPDX-License-Identifier: Apache-2.0
#include "matrix.h"

#include <util/delay.h>

// What a line needs to settle after it was driven or let go.
#define SETTLE_US 5

#ifdef DIODE_DIRECTION_COL2ROW
#    define DRIVEN_PINS matrix_row_pins
#    define DRIVEN_COUNT MATRIX_ROWS
#    define READ_PINS matrix_col_pins
#    define READ_COUNT MATRIX_COLS
#else
#    define DRIVEN_PINS matrix_col_pins
#    define DRIVEN_COUNT MATRIX_COLS
#    define READ_PINS matrix_row_pins
#    define READ_COUNT MATRIX_ROWS
#endif

void matrix_init(void) {
    for (uint8_t i = 0; i < DRIVEN_COUNT; i++) {
        gpio_input_pullup(&DRIVEN_PINS[i]);
    }
    for (uint8_t i = 0; i < READ_COUNT; i++) {
        gpio_input_pullup(&READ_PINS[i]);
    }
}

static bool store(matrix_row_t *row, uint8_t col, bool pressed) {
    const matrix_row_t bit = MATRIX_BIT(col);

    if (((*row & bit) != 0) == pressed) {
        return false;
    }
    *row ^= bit;
    return true;
}

bool matrix_scan(matrix_row_t matrix[MATRIX_ROWS]) {
    bool changed = false;

    for (uint8_t driven = 0; driven < DRIVEN_COUNT; driven++) {
        gpio_output_low(&DRIVEN_PINS[driven]);
        _delay_us(SETTLE_US);
        for (uint8_t read = 0; read < READ_COUNT; read++) {
            const bool pressed = gpio_is_low(&READ_PINS[read]);
#ifdef DIODE_DIRECTION_COL2ROW
            changed |= store(&matrix[driven], read, pressed);
#else
            changed |= store(&matrix[read], driven, pressed);
#endif
        }
        gpio_input_pullup(&DRIVEN_PINS[driven]);
        _delay_us(SETTLE_US);
    }
    return changed;
}
