// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

// The reports a keyboard sends to its host; the numbers are part of what goes over the wire.
enum report_id {
    REPORT_ID_IDENTITY = 0,
    REPORT_ID_KEYBOARD = 1,
    REPORT_ID_SYSTEM   = 2,
    REPORT_ID_CONSUMER = 3,
};

// Starts the serial port: TXD, 115200 baud, 8 data bits, no parity, 1 stop bit.
void transport_init(void);

// Sends one report as a frame: 0xFD, the number of bytes that follow, the id, the report.
void transport_send(enum report_id id, const void *report, uint8_t length);
