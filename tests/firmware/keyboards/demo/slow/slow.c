// SPDX-License-Identifier: Apache-2.0
#include QMK_KEYBOARD_H

#include "brightness_curve.h"

#define BREATH_STEP_MS 64

// Fast PWM with eight bits on the pin OC1A.
void keyboard_post_init_kb(void) {
    DDRB |= _BV(PB5);
    TCCR1A = _BV(COM1A1) | _BV(WGM10);
    TCCR1B = _BV(WGM12) | _BV(CS11);
}

void housekeeping_task_kb(void) {
    OCR1A = pgm_read_byte(&brightness_curve[timer_read() / BREATH_STEP_MS % sizeof(brightness_curve)]);
}
