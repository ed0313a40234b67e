# SPDX-License-Identifier: Apache-2.0
# From sources to a firmware. What build_keyboard.mk has found out is known here.

SRC += $(KEYBOARD_SRC) $(GENERATED)/default_keyboard.c
SRC += $(addprefix quantum/,action.c debounce.c host.c keymap_introspection.c layer.c main.c matrix.c send_string.c)
ifeq ($(BOOTMAGIC_ENABLE),yes)
    SRC += quantum/bootmagic.c
    OPT_DEFS += -DBOOTMAGIC_ENABLE
endif
ifeq ($(COMMAND_ENABLE),yes)
    SRC += quantum/command.c
    OPT_DEFS += -DCOMMAND_ENABLE
endif
ifeq ($(EXTRAKEY_ENABLE),yes)
    OPT_DEFS += -DEXTRAKEY_ENABLE
endif

CONFIG_H := $(wildcard $(addsuffix /config.h,$(KEYBOARD_PATHS))) $(GENERATED)/info_config.h
CONFIG_H += $(filter-out $(KEYMAP_CONFIG_H),$(wildcard $(KEYMAP_PATH)/config.h)) $(KEYMAP_CONFIG_H)

OPT_DEFS += -DQMK_KEYBOARD=\"$(KEYBOARD)\" -DQMK_KEYMAP=\"$(KEYMAP)\"
OPT_DEFS += -DQMK_KEYBOARD_H=\"$(GENERATED)/default_keyboard.h\" -DKEYMAP_C=\"$(KEYMAP_C)\"
INCLUDES := $(addprefix -I,. $(GENERATED) $(KEYMAP_PATH) $(KEYBOARD_PATHS) quantum)

include platforms/$(PLATFORM_KEY)/platform.mk

OBJ := $(patsubst %.c,%.o,$(filter $(GENERATED)/%,$(SRC)))
OBJ += $(patsubst %.c,$(INTERMEDIATE_OUTPUT)/%.o,$(filter-out $(GENERATED)/%,$(SRC)))
ELF := $(BUILD_DIR)/$(TARGET).elf
HEX := $(BUILD_DIR)/$(TARGET).hex

.PHONY: build check-size clean elf generated-files hex

all: check-size
	$(call run,Copying $(TARGET).hex to the root of the tree,$(COPY) $(HEX) $(TARGET).hex)

build elf: $(ELF)
hex: $(HEX)
generated-files: $(KEYBOARD_FILES) $(KEYMAP_FILES)

$(OBJ): | generated-files

$(GENERATED)/%.o: $(GENERATED)/%.c $(INFO_RULES_MK) $(KEYMAP_RULES_MK)
	$(call run,Compiling: $<,$(COMPILE) -c $< -o $@)

$(INTERMEDIATE_OUTPUT)/%.o: %.c $(INFO_RULES_MK) $(KEYMAP_RULES_MK)
	$(call run,Compiling: $<,mkdir -p $(@D) && $(COMPILE) -c $< -o $@)

$(ELF): $(OBJ)
	$(call run,Linking: $@,$(LINK) $^ -o $@)

$(HEX): $(ELF)
	$(call run,Creating load file for flashing: $@,$(OBJCOPY) -O ihex -R .eeprom -R .fuse -R .lock -R .signature $< $@)

# A firmware that does not fit stays in the build folder, to be looked at, and goes nowhere else.
check-size: $(HEX)
	$(check_size)

clean:
	rm -rf $(INTERMEDIATE_OUTPUT) $(ELF) $(HEX)

-include $(OBJ:.o=.d)
