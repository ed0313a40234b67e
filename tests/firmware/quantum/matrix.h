// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "platforms/avr/gpio.h"

// One bit for each column.
#if MATRIX_COLS <= 8
typedef uint8_t matrix_row_t;
#elif MATRIX_COLS <= 16
typedef uint16_t matrix_row_t;
#else
typedef uint32_t matrix_row_t;
#endif

#define MATRIX_BIT(col) ((matrix_row_t)1 << (col))

// How the matrix is wired, from the keyboard's data.
extern const gpio_t matrix_row_pins[MATRIX_ROWS];
extern const gpio_t matrix_col_pins[MATRIX_COLS];

void matrix_init(void);

// Reads all switches as they are now, bouncing or not; tells whether any has changed.
bool matrix_scan(matrix_row_t matrix[MATRIX_ROWS]);
