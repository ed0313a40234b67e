// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "matrix.h"

// Leaves for the bootloader when the first key of the matrix is held while the keyboard starts.
void bootmagic(const matrix_row_t matrix[MATRIX_ROWS]);
