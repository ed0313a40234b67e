// SPDX-License-Identifier: Apache-2.0
#include "layer.h"

#include "keycodes.h"
#include "keymap_introspection.h"

static layer_state_t layer_state;
static layer_state_t default_layer_state = 1;

static layer_state_t bit(uint8_t layer) {
    return layer < MAX_LAYER ? (layer_state_t)1 << layer : 0;
}

void layer_on(uint8_t layer) {
    layer_state |= bit(layer);
}

void layer_off(uint8_t layer) {
    layer_state &= ~bit(layer);
}

void layer_invert(uint8_t layer) {
    layer_state ^= bit(layer);
}

void layer_move(uint8_t layer) {
    layer_state = bit(layer);
}

void default_layer_set(uint8_t layer) {
    default_layer_state = bit(layer);
}

uint16_t layer_keycode(uint8_t row, uint8_t col) {
    const layer_state_t active = layer_state | default_layer_state;

    for (uint8_t layer = keymap_layer_count(); layer-- > 0;) {
        if (active & bit(layer)) {
            const uint16_t keycode = keycode_at_keymap_location(layer, row, col);
            if (keycode != KC_TRANSPARENT) {
                return keycode;
            }
        }
    }
    return KC_NO;
}
