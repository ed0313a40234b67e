// SPDX-License-Identifier: Apache-2.0
#include "bootmagic.h"

#include "platforms/avr/bootloader.h"

void bootmagic(const matrix_row_t matrix[MATRIX_ROWS]) {
    if (matrix[0] & MATRIX_BIT(0)) {
        bootloader_jump();
    }
}
