// SPDX-License-Identifier: Apache-2.0
#include "action.h"

#include "command.h"
#include "host.h"
#include "keycodes.h"
#include "layer.h"
#include "platforms/avr/bootloader.h"
#include "platforms/avr/timer.h"

#define NO_LAYER 0xFF
#define IS_IN(keycode, range) ((keycode) >= range && (keycode) <= range##_MAX)

// What each key was when it was pressed: layers may have changed before it is released.
static uint16_t pressed_keycodes[MATRIX_ROWS][MATRIX_COLS];

// The key of two meanings that is down, and has not got one of them yet.
static struct {
    bool     waiting;
    keypos_t key;
    uint16_t keycode;
    uint16_t since;
} tapping;

static uint8_t oneshot_layer = NO_LAYER;

__attribute__((weak)) bool process_record_user(uint16_t keycode, keyrecord_t *record) {
    (void)keycode;
    (void)record;
    return true;
}

__attribute__((weak)) void play_macro(uint8_t number) {
    (void)number;
}

__attribute__((weak)) void type_make_command(void) {
}

// From the five bits of a keycode to the eight of a report.
static uint8_t to_mods(uint8_t bits) {
    return (bits & 0x10) ? (uint8_t)(bits << 4) : (bits & 0x0F);
}

static void set_mods(uint8_t mods, bool pressed) {
    if (pressed) {
        register_mods(mods);
    } else {
        unregister_mods(mods);
    }
}

static void set_layer(uint8_t layer, bool pressed) {
    if (pressed) {
        layer_on(layer);
    } else {
        layer_off(layer);
    }
}

static void set_code(uint8_t code, bool pressed) {
    if (pressed) {
        register_code(code);
        if (code < KC_LEFT_CTRL) {
            clear_oneshot_mods();
        }
    } else {
        unregister_code(code);
    }
}

static void process_basic(uint8_t code, bool pressed) {
#ifdef COMMAND_ENABLE
    if (pressed && command_process(code)) {
        return;
    }
#endif
    set_code(code, pressed);
}

static void process_with_mods(uint16_t keycode, bool pressed) {
    const uint8_t mods = to_mods((keycode >> 8) & 0x1F);

    if (pressed) {
        register_mods(mods);
        set_code(keycode & 0xFF, true);
    } else {
        set_code(keycode & 0xFF, false);
        unregister_mods(mods);
    }
}

static void process_layer_mod(uint16_t keycode, bool pressed) {
    set_layer((keycode >> 5) & 0x0F, pressed);
    set_mods(to_mods(keycode & 0x1F), pressed);
}

// Escape, or the sign that shares its key on small keyboards.
static void process_grave_escape(bool pressed) {
    static uint8_t code;

    if (pressed) {
        code = (get_mods() & (MOD_MASK_SHIFT | MOD_MASK_GUI)) ? KC_GRAVE : KC_ESCAPE;
    }
    set_code(code, pressed);
}

// Everything that happens once, when the key goes down.
static void process_press(uint16_t keycode) {
    if (IS_IN(keycode, QK_TO)) {
        layer_move(keycode & 0x1F);
    } else if (IS_IN(keycode, QK_DEF_LAYER)) {
        default_layer_set(keycode & 0x1F);
    } else if (IS_IN(keycode, QK_TOGGLE_LAYER)) {
        layer_invert(keycode & 0x1F);
    } else if (IS_IN(keycode, QK_MACRO)) {
        play_macro(keycode & 0x7F);
    } else if (keycode == QK_BOOTLOADER) {
        bootloader_jump();
    } else if (keycode == QK_REBOOT) {
        mcu_reset();
    } else if (keycode == QK_MAKE) {
        type_make_command();
    }
}

void process_keycode(uint16_t keycode, bool pressed) {
    if (keycode <= QK_BASIC_MAX) {
        process_basic(keycode, pressed);
    } else if (IS_IN(keycode, QK_MODS)) {
        process_with_mods(keycode, pressed);
    } else if (IS_IN(keycode, QK_LAYER_MOD)) {
        process_layer_mod(keycode, pressed);
    } else if (IS_IN(keycode, QK_MOMENTARY)) {
        set_layer(keycode & 0x1F, pressed);
    } else if (keycode == QK_GRAVE_ESCAPE) {
        process_grave_escape(pressed);
    } else if (pressed) {
        process_press(keycode);
    }
}

// --- Keys with two meanings

static bool has_two_meanings(uint16_t keycode) {
    return IS_IN(keycode, QK_MOD_TAP) || IS_IN(keycode, QK_LAYER_TAP) || IS_IN(keycode, QK_LAYER_TAP_TOGGLE) || IS_IN(keycode, QK_ONE_SHOT_LAYER) || IS_IN(keycode, QK_ONE_SHOT_MOD);
}

static void process_tap(uint16_t keycode) {
    if (IS_IN(keycode, QK_MOD_TAP) || IS_IN(keycode, QK_LAYER_TAP)) {
        process_keycode(keycode & 0xFF, true);
        process_keycode(keycode & 0xFF, false);
    } else if (IS_IN(keycode, QK_LAYER_TAP_TOGGLE)) {
        layer_invert(keycode & 0x1F);
    } else if (IS_IN(keycode, QK_ONE_SHOT_LAYER)) {
        oneshot_layer = keycode & 0x1F;
        layer_on(oneshot_layer);
    } else {
        add_oneshot_mods(to_mods(keycode & 0x1F));
    }
}

static void process_hold(uint16_t keycode, bool pressed) {
    if (IS_IN(keycode, QK_MOD_TAP)) {
        set_mods(to_mods((keycode >> 8) & 0x1F), pressed);
    } else if (IS_IN(keycode, QK_LAYER_TAP)) {
        set_layer((keycode >> 8) & 0x0F, pressed);
    } else if (IS_IN(keycode, QK_ONE_SHOT_MOD)) {
        set_mods(to_mods(keycode & 0x1F), pressed);
    } else {
        set_layer(keycode & 0x1F, pressed);
    }
}

static void decide_for_hold(void) {
    if (tapping.waiting) {
        tapping.waiting = false;
        process_hold(tapping.keycode, true);
    }
}

static bool is_tapping_key(keypos_t key) {
    return tapping.waiting && tapping.key.row == key.row && tapping.key.col == key.col;
}

void action_task(void) {
    if (tapping.waiting && timer_elapsed(tapping.since) >= TAPPING_TERM) {
        decide_for_hold();
    }
}

// --- Keys going down and up

static void press(keyevent_t event) {
    // Another key while one is waiting: that one is held, and this one may be on its layer.
    decide_for_hold();

    const uint16_t keycode = layer_keycode(event.key.row, event.key.col);
    keyrecord_t    record  = {event};

    pressed_keycodes[event.key.row][event.key.col] = keycode;
    if (oneshot_layer != NO_LAYER) {
        layer_off(oneshot_layer);
        oneshot_layer = NO_LAYER;
    }
    if (!process_record_user(keycode, &record)) {
        pressed_keycodes[event.key.row][event.key.col] = KC_NO;
    } else if (has_two_meanings(keycode)) {
        tapping.waiting = true;
        tapping.key     = event.key;
        tapping.keycode = keycode;
        tapping.since   = event.time;
    } else {
        process_keycode(keycode, true);
    }
}

static void release(keyevent_t event) {
    const uint16_t keycode = pressed_keycodes[event.key.row][event.key.col];
    keyrecord_t    record  = {event};

    if (!process_record_user(keycode, &record)) {
        return;
    }
    if (is_tapping_key(event.key)) {
        tapping.waiting = false;
        process_tap(keycode);
    } else if (has_two_meanings(keycode)) {
        process_hold(keycode, false);
    } else {
        process_keycode(keycode, false);
    }
}

void action_exec(keyevent_t event) {
    if (event.pressed) {
        press(event);
    } else {
        release(event);
    }
}
