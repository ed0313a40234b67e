// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <avr/pgmspace.h>
#include <string.h>

#include "keycodes.h"
#include "platforms/avr/transport.h"

#define KEY_COUNT 6

// A HID boot keyboard report, without the one-shot modifiers.
static struct {
    uint8_t mods;
    uint8_t reserved;
    uint8_t keys[KEY_COUNT];
} report;

static uint8_t oneshot_mods;

// How many keys, or parts of keys, hold each modifier.
static uint8_t mod_holders[8];

#ifdef EXTRAKEY_ENABLE
// Usages of the HID consumer page, in the order of the keycodes from KC_AUDIO_MUTE on.
static const uint16_t consumer_usages[] PROGMEM = {
    0x0E2, 0x0E9, 0x0EA, 0x0B5, 0x0B6, 0x0B7, 0x0CD, 0x183, 0x0B8, 0x18A, 0x192, 0x194, 0x221, 0x223,
    0x224, 0x225, 0x226, 0x227, 0x22A, 0x0B3, 0x0B4, 0x06F, 0x070, 0x19F, 0x1CB, 0x29F, 0x2A0,
};
_Static_assert(sizeof(consumer_usages) / sizeof(consumer_usages[0]) == KC_LAUNCHPAD - KC_AUDIO_MUTE + 1,
               "every consumer key needs its usage");

// Usages of the HID generic desktop page: power down, sleep, wake up.
#    define SYSTEM_USAGE(code) (0x81 + (code)-KC_SYSTEM_POWER)
#endif

static const struct {
    uint16_t vendor;
    uint16_t product;
    uint16_t version;
    char     name[sizeof(MANUFACTURER " " PRODUCT) - 1];
} identity = {VENDOR_ID, PRODUCT_ID, DEVICE_VER, MANUFACTURER " " PRODUCT};

void host_init(void) {
    transport_send(REPORT_ID_IDENTITY, &identity, sizeof(identity));
}

static void send_keyboard_report(void) {
    const uint8_t held = report.mods;

    report.mods |= oneshot_mods;
    transport_send(REPORT_ID_KEYBOARD, &report, sizeof(report));
    report.mods = held;
}

static void set_key(uint8_t code, bool pressed) {
    uint8_t *place = memchr(report.keys, code, KEY_COUNT);

    if (pressed && place == NULL) {
        place = memchr(report.keys, KC_NO, KEY_COUNT);
        // With six keys held already, one more cannot be reported.
        if (place != NULL) {
            *place = code;
        }
    } else if (!pressed && place != NULL) {
        *place = KC_NO;
    }
    send_keyboard_report();
}

static void set_code(uint8_t code, bool pressed) {
    if (code >= KC_LEFT_CTRL && code <= KC_RIGHT_GUI) {
        const uint8_t mod = 1 << (code - KC_LEFT_CTRL);
        if (pressed) {
            register_mods(mod);
        } else {
            unregister_mods(mod);
        }
    } else if (code >= KC_A && code <= KC_EXSEL) {
        set_key(code, pressed);
#ifdef EXTRAKEY_ENABLE
    } else if (code >= KC_SYSTEM_POWER && code <= KC_SYSTEM_WAKE) {
        const uint8_t usage = pressed ? SYSTEM_USAGE(code) : 0;
        transport_send(REPORT_ID_SYSTEM, &usage, sizeof(usage));
    } else if (code >= KC_AUDIO_MUTE && code <= KC_LAUNCHPAD) {
        const uint16_t usage = pressed ? pgm_read_word(&consumer_usages[code - KC_AUDIO_MUTE]) : 0;
        transport_send(REPORT_ID_CONSUMER, &usage, sizeof(usage));
#endif
    }
}

void register_code(uint8_t code) {
    set_code(code, true);
}

void unregister_code(uint8_t code) {
    set_code(code, false);
}

void tap_code(uint8_t code) {
    register_code(code);
    unregister_code(code);
}

void register_mods(uint8_t mods) {
    for (uint8_t i = 0; i < 8; i++) {
        if (mods & (1 << i)) {
            mod_holders[i]++;
        }
    }
    report.mods |= mods;
    send_keyboard_report();
}

void unregister_mods(uint8_t mods) {
    for (uint8_t i = 0; i < 8; i++) {
        if ((mods & (1 << i)) && mod_holders[i] > 0 && --mod_holders[i] == 0) {
            report.mods &= ~(1 << i);
        }
    }
    send_keyboard_report();
}

uint8_t get_mods(void) {
    return report.mods;
}

void add_oneshot_mods(uint8_t mods) {
    oneshot_mods |= mods;
}

void clear_oneshot_mods(void) {
    oneshot_mods = 0;
}
