# SPDX-License-Identifier: Apache-2.0

generated-files: $(GENERATED)/brightness_curve.h

$(GENERATED)/brightness_curve.h: $(KEYBOARD_PATH)/brightness_curve.awk $(INFO_RULES_MK) $(KEYMAP_RULES_MK)
	$(call run,Generating: $@,mkdir -p $(@D) && awk -v millions=$(BRIGHTNESS_CURVE_PRECISION) -f $< >$@.part && mv $@.part $@)
