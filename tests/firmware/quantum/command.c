// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <avr/pgmspace.h>

#include "host.h"
#include "keycodes.h"
#include "send_string.h"
#include "version.h"

bool command_process(uint8_t code) {
    if (code != KC_V || get_mods() != MOD_MASK_SHIFT) {
        return false;
    }
    unregister_mods(MOD_MASK_SHIFT);
    send_string_P(PSTR(QMK_KEYBOARD " " QMK_VERSION " " QMK_GIT_HASH " " QMK_BUILDDATE "\n"));
    register_mods(MOD_MASK_SHIFT);
    return true;
}
