// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

// How long a key with two meanings must be held for the second one, in milliseconds.
#ifndef TAPPING_TERM
#    define TAPPING_TERM 200
#endif

typedef struct {
    uint8_t row;
    uint8_t col;
} keypos_t;

typedef struct {
    keypos_t key;
    bool     pressed;
    uint16_t time;
} keyevent_t;

typedef struct {
    keyevent_t event;
} keyrecord_t;

// A key has been pressed or released.
void action_exec(keyevent_t event);

// To be called often: a key that is held long enough takes its second meaning.
void action_task(void);

// Carries out a keycode that has one meaning only.
void process_keycode(uint16_t keycode, bool pressed);

// Keymaps may define these. The first returns false when nothing else is to be done for the key;
// the others carry out the macros, and QK_MAKE, of a JSON keymap.
bool process_record_user(uint16_t keycode, keyrecord_t *record);
void play_macro(uint8_t number);
void type_make_command(void);
