// SPDX-License-Identifier: Apache-2.0
#include "timer.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

static volatile uint16_t milliseconds;

// Timer 0 counts up to OCR0A with the clock divided by 64, and starts again.
void timer_init(void) {
    TCCR0A = _BV(WGM01);
    OCR0A  = F_CPU / 64 / 1000 - 1;
    TIMSK0 = _BV(OCIE0A);
    TCCR0B = _BV(CS01) | _BV(CS00);
    sei();
}

ISR(TIMER0_COMPA_vect) {
    milliseconds++;
}

uint16_t timer_read(void) {
    uint16_t now;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        now = milliseconds;
    }
    return now;
}
