// SPDX-License-Identifier: Apache-2.0
#include "bootloader.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>

// The bootloader fills the end of the flash; an address of code counts words of two bytes.
#define BOOTLOADER_ADDRESS ((FLASHEND + 1UL - BOOTLOADER_SIZE) / 2)

void bootloader_jump(void) {
    cli();
    // It expects the processor as it is after a reset: no timer, no transmitter.
    TIMSK0 = 0;
    TCCR0B = 0;
#ifdef UCSR1B
    UCSR1B = 0;
#else
    UCSR0B = 0;
#endif
    ((void (*)(void))BOOTLOADER_ADDRESS)();
    __builtin_unreachable();
}

void mcu_reset(void) {
    cli();
    wdt_enable(WDTO_15MS);
    for (;;) {
    }
}

// The watchdog that restarted the processor is still running, and faster than the start.
void disable_watchdog(void) __attribute__((naked, used, section(".init3")));
void disable_watchdog(void) {
    MCUSR = 0;
    wdt_disable();
}
