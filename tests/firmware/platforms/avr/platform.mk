# SPDX-License-Identifier: Apache-2.0
# The AVR tools, and how much flash a processor has beside its bootloader, in bytes.

CC := $(strip $(CC_PREFIX) avr-gcc)
OBJCOPY := avr-objcopy
SIZE := avr-size

SRC += $(addprefix platforms/avr/,bootloader.c timer.c transport.c)

FLASH_SIZE_atmega328p := 32768
FLASH_SIZE_atmega32u4 := 32768
BOOTLOADER_SIZE_atmel-dfu := 4096
BOOTLOADER_SIZE_caterina := 4096
BOOTLOADER_SIZE_halfkay := 512
BOOTLOADER_SIZE_usbasploader := 4096

BOOTLOADER_SIZE := $(BOOTLOADER_SIZE_$(BOOTLOADER))
ifeq ($(and $(FLASH_SIZE_$(MCU)),$(BOOTLOADER_SIZE)),)
    $(error Nothing is known about the processor $(MCU) with the bootloader $(BOOTLOADER))
endif
FLASH_LIMIT := $(shell expr $(FLASH_SIZE_$(MCU)) - $(BOOTLOADER_SIZE))

F_CPU ?= 16000000
OPT_DEFS += -DF_CPU=$(F_CPU)UL -DBOOTLOADER_SIZE=$(BOOTLOADER_SIZE)

CFLAGS := -mmcu=$(MCU) -Os -std=gnu11 -Wall -Wextra -Wstrict-prototypes -Werror
CFLAGS += -ffunction-sections -fdata-sections -fshort-enums -mcall-prologues
ifeq ($(LTO_ENABLE),yes)
    CFLAGS += -flto
endif

# Recursive: only now is everything known that goes into it.
COMPILE = $(CC) $(CFLAGS) $(EXTRAFLAGS) $(OPT_DEFS) $(INCLUDES) $(addprefix -include ,$(CONFIG_H)) -MMD -MP
LINK = $(CC) $(CFLAGS) $(EXTRAFLAGS) -Wl,--gc-sections -Wl,--relax
