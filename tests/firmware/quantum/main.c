// SPDX-License-Identifier: Apache-2.0
#include QMK_KEYBOARD_H

#include <avr/power.h>
#include <string.h>

#include "bootmagic.h"
#include "debounce.h"
#include "platforms/avr/transport.h"

static matrix_row_t raw[MATRIX_ROWS];
static matrix_row_t current[MATRIX_ROWS];

__attribute__((weak)) void keyboard_post_init_kb(void) {
}

__attribute__((weak)) void housekeeping_task_kb(void) {
}

static void start(void) {
    clock_prescale_set(clock_div_1);
#ifdef JTD
    // Four pins belong to the debugger until this is written twice within four cycles.
    MCUCR |= _BV(JTD);
    MCUCR |= _BV(JTD);
#endif
    timer_init();
    transport_init();
    matrix_init();
#ifdef BOOTMAGIC_ENABLE
    matrix_scan(raw);
    bootmagic(raw);
#endif
    host_init();
    keyboard_post_init_kb();
}

static void send_changes(const matrix_row_t previous[MATRIX_ROWS]) {
    for (uint8_t row = 0; row < MATRIX_ROWS; row++) {
        const matrix_row_t changes = previous[row] ^ current[row];
        for (uint8_t col = 0; changes != 0 && col < MATRIX_COLS; col++) {
            if (changes & MATRIX_BIT(col)) {
                const bool pressed = (current[row] & MATRIX_BIT(col)) != 0;
                action_exec((keyevent_t){{row, col}, pressed, timer_read()});
            }
        }
    }
}

int main(void) {
    start();
    for (;;) {
        matrix_row_t previous[MATRIX_ROWS];

        memcpy(previous, current, sizeof(previous));
        if (debounce(raw, current, matrix_scan(raw))) {
            send_changes(previous);
        }
        action_task();
        housekeeping_task_kb();
    }
}
