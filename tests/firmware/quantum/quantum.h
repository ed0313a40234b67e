// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a keymap and a keyboard's own code may use.

#include <avr/pgmspace.h>
#include <stdbool.h>
#include <stdint.h>

#include "action.h"
#include "host.h"
#include "keycodes.h"
#include "layer.h"
#include "matrix.h"
#include "platforms/avr/bootloader.h"
#include "platforms/avr/gpio.h"
#include "platforms/avr/timer.h"
#include "quantum_keycodes.h"
#include "send_string.h"

// Called once after the start, and again and again afterwards; a keyboard may define them.
void keyboard_post_init_kb(void);
void housekeeping_task_kb(void);
