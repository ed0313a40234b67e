// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>
#include <util/delay.h>

// Starts the clock that counts milliseconds.
void timer_init(void);

// Milliseconds since the start, modulo 2^16.
uint16_t timer_read(void);

// Milliseconds since an earlier timer_read(), if that is less than 65 seconds ago.
static inline uint16_t timer_elapsed(uint16_t since) {
    return timer_read() - since;
}

// Waits; everything else stands still meanwhile.
static inline void wait_ms(uint16_t milliseconds) {
    while (milliseconds-- > 0) {
        _delay_ms(1);
    }
}
