// SPDX-License-Identifier: Apache-2.0
#include "debounce.h"

#include <string.h>

#include "platforms/avr/timer.h"

bool debounce(const matrix_row_t raw[MATRIX_ROWS], matrix_row_t cooked[MATRIX_ROWS], bool changed) {
    static bool     bouncing;
    static uint16_t since;

    if (changed) {
        bouncing = true;
        since    = timer_read();
    }
    if (!bouncing || timer_elapsed(since) < DEBOUNCE) {
        return false;
    }
    bouncing = false;
    if (memcmp(raw, cooked, MATRIX_ROWS * sizeof(matrix_row_t)) == 0) {
        return false;
    }
    memcpy(cooked, raw, MATRIX_ROWS * sizeof(matrix_row_t));
    return true;
}
