// SPDX-License-Identifier: Apache-2.0
// The keymap becomes part of this file, so that the number of its layers is known.
#include KEYMAP_C

#include "keymap_introspection.h"

#include "layer.h"

#define LAYER_COUNT (sizeof(keymaps) / sizeof(keymaps[0]))

_Static_assert(LAYER_COUNT <= MAX_LAYER, "The keymap has more layers than the 16 that are possible");

uint8_t keymap_layer_count(void) {
    return LAYER_COUNT;
}

uint16_t keycode_at_keymap_location(uint8_t layer, uint8_t row, uint8_t col) {
    return pgm_read_word(&keymaps[layer][row][col]);
}
