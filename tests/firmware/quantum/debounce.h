// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "matrix.h"

#ifndef DEBOUNCE
#    define DEBOUNCE 5
#endif

// Takes over what the switches say once all of them have been still for DEBOUNCE milliseconds;
// tells whether that changed anything. `changed` is what the last scan has returned.
bool debounce(const matrix_row_t raw[MATRIX_ROWS], matrix_row_t cooked[MATRIX_ROWS], bool changed);
