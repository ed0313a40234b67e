// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MAX_LAYER 16

// One bit for each layer.
typedef uint16_t layer_state_t;

void layer_on(uint8_t layer);
void layer_off(uint8_t layer);
void layer_invert(uint8_t layer);

// Turns all layers off but this one.
void layer_move(uint8_t layer);

// Sets the layer that is there below all others.
void default_layer_set(uint8_t layer);

// The keycode of a key: that of the highest active layer where the key is not transparent.
uint16_t layer_keycode(uint8_t row, uint8_t col);
