// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Modifiers in eight bits, as in a HID keyboard report: left ctrl is bit 0, right gui bit 7.
#define MOD_MASK_SHIFT 0x22
#define MOD_MASK_GUI 0x88

// Says to the host what keyboard this is.
void host_init(void);

// Presses or releases a key with a code below 0x100: an ordinary key, a modifier, a system or a
// consumer key. The host is told at once.
void register_code(uint8_t code);
void unregister_code(uint8_t code);

// Presses and releases a key.
void tap_code(uint8_t code);

// Presses or releases modifiers; the host is told at once.
void register_mods(uint8_t mods);
void unregister_mods(uint8_t mods);

// The modifiers held now.
uint8_t get_mods(void);

// Modifiers for the next key only.
void add_oneshot_mods(uint8_t mods);
void clear_oneshot_mods(void);
