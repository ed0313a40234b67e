// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <avr/io.h>
#include <stdbool.h>
#include <stdint.h>

// A pin, by its input register: on these processors the direction register and the output
// register follow it in the address space.
typedef struct {
    volatile uint8_t *input;
    uint8_t           mask;
} gpio_t;

#define GPIO(port, bit) {&PIN##port, 1 << (bit)}

static inline void gpio_input_pullup(const gpio_t *pin) {
    pin->input[1] &= (uint8_t)~pin->mask;
    pin->input[2] |= pin->mask;
}

static inline void gpio_output_low(const gpio_t *pin) {
    pin->input[2] &= (uint8_t)~pin->mask;
    pin->input[1] |= pin->mask;
}

static inline bool gpio_is_low(const gpio_t *pin) {
    return (*pin->input & pin->mask) == 0;
}
