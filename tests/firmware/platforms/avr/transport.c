// SPDX-License-Identifier: Apache-2.0
#include "transport.h"

#include <avr/io.h>

#define FRAME_START 0xFD
#define BAUD 115200UL

// The processors differ in which of their serial ports exists.
#ifdef UDR1
#    define UDR_TX UDR1
#    define UCSRA_TX UCSR1A
#    define UCSRB_TX UCSR1B
#    define UCSRC_TX UCSR1C
#    define UBRR_TX UBRR1
#    define READY _BV(UDRE1)
#    define ENABLE _BV(TXEN1)
#    define DOUBLE_SPEED _BV(U2X1)
#    define EIGHT_BITS (_BV(UCSZ11) | _BV(UCSZ10))
#else
#    define UDR_TX UDR0
#    define UCSRA_TX UCSR0A
#    define UCSRB_TX UCSR0B
#    define UCSRC_TX UCSR0C
#    define UBRR_TX UBRR0
#    define READY _BV(UDRE0)
#    define ENABLE _BV(TXEN0)
#    define DOUBLE_SPEED _BV(U2X0)
#    define EIGHT_BITS (_BV(UCSZ01) | _BV(UCSZ00))
#endif

void transport_init(void) {
    UBRR_TX  = (F_CPU + 4 * BAUD) / (8 * BAUD) - 1;
    UCSRA_TX = DOUBLE_SPEED;
    UCSRC_TX = EIGHT_BITS;
    UCSRB_TX = ENABLE;
}

static void send_byte(uint8_t byte) {
    while ((UCSRA_TX & READY) == 0) {
    }
    UDR_TX = byte;
}

void transport_send(enum report_id id, const void *report, uint8_t length) {
    const uint8_t *bytes = report;

    send_byte(FRAME_START);
    send_byte(length + 1);
    send_byte(id);
    while (length-- > 0) {
        send_byte(*bytes++);
    }
}
