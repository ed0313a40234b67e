# SPDX-License-Identifier: Apache-2.0
#
# Builds the firmware of one keyboard with one keymap; run from the root of the tree:
#
#   make -r -R -f builddefs/build_keyboard.mk KEYBOARD=demo/pad6 KEYMAP=default
#
# `qmk compile` generates what is needed first and then runs just this. Generated files that are
# missing or older than their sources are made by the `qmk` named in QMK_BIN.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

ifeq ($(and $(KEYBOARD),$(KEYMAP)),)
    $(error KEYBOARD and KEYMAP must be set)
endif

QMK_BIN ?= qmk
BUILD_DIR ?= .build
KEYBOARD_FILESAFE ?= $(subst /,_,$(KEYBOARD))
TARGET ?= $(KEYBOARD_FILESAFE)_$(KEYMAP)
COPY ?= cp
SILENT ?= false
VERBOSE ?= false
COLOR ?= true

INTERMEDIATE_OUTPUT := $(BUILD_DIR)/obj_$(TARGET)
GENERATED := $(INTERMEDIATE_OUTPUT)/src

include builddefs/message.mk

# --- The keyboard: every folder on the way to it may describe it.

KEYBOARD_PATHS :=
KEYBOARD_PATH := keyboards
$(foreach folder,$(subst /, ,$(KEYBOARD)),\
    $(eval KEYBOARD_PATH := $(KEYBOARD_PATH)/$(folder))\
    $(eval KEYBOARD_PATHS += $(KEYBOARD_PATH)))

KEYBOARD_DATA := $(wildcard $(addsuffix /info.json,$(KEYBOARD_PATHS)) $(addsuffix /keyboard.json,$(KEYBOARD_PATHS)))
ifeq ($(filter %/keyboard.json,$(KEYBOARD_DATA)),)
    $(error There is no keyboard $(KEYBOARD))
endif

folder_name = $(notdir $(patsubst %/,%,$(1)))
KEYBOARD_HEADERS := $(wildcard $(foreach path,$(KEYBOARD_PATHS),$(path)/$(call folder_name,$(path)).h))
KEYBOARD_SRC := $(wildcard $(foreach path,$(KEYBOARD_PATHS),$(path)/$(call folder_name,$(path)).c))

# --- The keymap: the most specific folder wins, JSON wins over C.

parent = $(patsubst %/,%,$(dir $(1)))
MAIN_KEYMAP_PATH_1 := keyboards/$(KEYBOARD)/keymaps/$(KEYMAP)
MAIN_KEYMAP_PATH_2 := keyboards/$(call parent,$(KEYBOARD))/keymaps/$(KEYMAP)
MAIN_KEYMAP_PATH_3 := keyboards/$(call parent,$(call parent,$(KEYBOARD)))/keymaps/$(KEYMAP)
MAIN_KEYMAP_PATH_4 := keyboards/$(call parent,$(call parent,$(call parent,$(KEYBOARD))))/keymaps/$(KEYMAP)
MAIN_KEYMAP_PATH_5 := keyboards/$(call parent,$(call parent,$(call parent,$(call parent,$(KEYBOARD)))))/keymaps/$(KEYMAP)
MAIN_KEYMAP_PATHS := $(MAIN_KEYMAP_PATH_1) $(MAIN_KEYMAP_PATH_2) $(MAIN_KEYMAP_PATH_3) $(MAIN_KEYMAP_PATH_4) $(MAIN_KEYMAP_PATH_5)

KEYMAP_JSON ?= $(firstword $(wildcard $(addsuffix /keymap.json,$(MAIN_KEYMAP_PATHS))))
ifneq ($(KEYMAP_JSON),)
    KEYMAP_PATH ?= $(patsubst %/,%,$(dir $(KEYMAP_JSON)))
    KEYMAP_C := $(GENERATED)/keymap.c
    KEYMAP_FILES := $(addprefix $(GENERATED)/,config.h keymap.h keymap.c)
    KEYMAP_CONFIG_H := $(GENERATED)/config.h
    KEYMAP_RULES_MK := $(GENERATED)/rules.mk
else
    KEYMAP_C := $(firstword $(wildcard $(addsuffix /keymap.c,$(MAIN_KEYMAP_PATHS))))
    ifeq ($(KEYMAP_C),)
        $(error There is no keymap $(KEYMAP) for $(KEYBOARD))
    endif
    KEYMAP_PATH ?= $(patsubst %/,%,$(dir $(KEYMAP_C)))
    KEYMAP_FILES :=
    KEYMAP_CONFIG_H :=
    KEYMAP_RULES_MK :=
endif

# --- Files that `qmk` generates. The two that make itself reads are remade before anything else.

KEYBOARD_FILES := $(addprefix $(GENERATED)/,info_config.h default_keyboard.h default_keyboard.c version.h)
INFO_RULES_MK := $(GENERATED)/info_rules.mk

# An empty file stands for one that is still to be made.
$(foreach file,$(INFO_RULES_MK) $(KEYMAP_RULES_MK),$(if $(strip $(file <$(file))),,$(eval $(file): FORCE)))

include $(INFO_RULES_MK)
-include $(addsuffix /rules.mk,$(KEYBOARD_PATHS))
include $(KEYMAP_RULES_MK)
-include $(filter-out $(KEYMAP_RULES_MK),$(KEYMAP_PATH)/rules.mk)

$(INFO_RULES_MK): $(KEYBOARD_DATA)
	$(call generate,generate-rules-mk --quiet --escape --keyboard $(KEYBOARD) --output $@)

$(GENERATED)/rules.mk: $(KEYMAP_JSON)
	$(call generate,generate-rules-mk --quiet --escape --output $@ $<)

$(GENERATED)/info_config.h: $(KEYBOARD_DATA)
	$(call generate,generate-config-h --quiet --keyboard $(KEYBOARD) --output $@)

$(GENERATED)/default_keyboard.c: $(KEYBOARD_DATA)
	$(call generate,generate-keyboard-c --quiet --keyboard $(KEYBOARD) --output $@)

$(GENERATED)/default_keyboard.h: $(KEYBOARD_DATA)
	$(call generate,generate-keyboard-h --quiet --keyboard $(KEYBOARD) $(addprefix --include ,$(notdir $(lastword $(KEYBOARD_HEADERS)))) --output $@)

$(GENERATED)/version.h:
	$(call generate,generate-version-h --quiet $(if $(SKIP_VERSION),--skip-all) $(if $(SKIP_GIT),--skip-git) --output $@)

$(GENERATED)/config.h: $(KEYMAP_JSON)
	$(call generate,generate-config-h --quiet --output $@ $<)

$(GENERATED)/keymap.h: $(KEYMAP_JSON)
	$(call generate,generate-keymap-h --quiet --output $@ $<)

$(GENERATED)/keymap.c: $(KEYMAP_JSON)
	$(call generate,json2c --quiet --output $@ $<)

# On a first reading the two files above may be missing. Make then makes them and reads again.
ifneq ($(PLATFORM_KEY),)
    include builddefs/firmware.mk
else
all:
	@echo 'Platform not defined: $(INFO_RULES_MK) says nothing about $(KEYBOARD).'; exit 1
endif

.PHONY: FORCE all
