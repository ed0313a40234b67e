// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

// With both shift keys held, V types which firmware this is. Tells whether the key was that.
bool command_process(uint8_t code);
