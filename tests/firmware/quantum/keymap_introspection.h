// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

uint8_t keymap_layer_count(void);

uint16_t keycode_at_keymap_location(uint8_t layer, uint8_t row, uint8_t col);
