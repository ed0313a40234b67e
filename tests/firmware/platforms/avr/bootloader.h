// SPDX-License-Identifier: Apache-2.0
#pragma once

// Leaves the firmware for the bootloader, so that a new one can be flashed.
void bootloader_jump(void) __attribute__((noreturn));

// Restarts the firmware.
void mcu_reset(void) __attribute__((noreturn));
