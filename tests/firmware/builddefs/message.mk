# SPDX-License-Identifier: Apache-2.0
# How steps are run and what is shown of them.

ifeq ($(COLOR),true)
    NO_COLOR := \033[0m
    OK_COLOR := \033[32m
    ERROR_COLOR := \033[1;31m
    WARN_COLOR := \033[33m
endif

# $(call run,title,command): one line for the step; what the command says follows, indented.
define run
@$(if $(filter true,$(VERBOSE)),printf '%s\n' '$(subst ','\'',$(2))';) \
log=$$($(2) 2>&1); status=$$?; \
if [ $$status -ne 0 ]; then mark='$(ERROR_COLOR)[ERRORS]$(NO_COLOR)'; \
elif [ -n "$$log" ]; then mark='$(WARN_COLOR)[WARNINGS]$(NO_COLOR)'; \
else mark='$(OK_COLOR)[OK]$(NO_COLOR)'; fi; \
if [ $$status -ne 0 ] || ! $(SILENT); then printf '%-99s %b\n' '$(1)' "$$mark"; fi; \
if [ -n "$$log" ]; then printf '\n%s\n\n' "$$log" | sed 's/^/ | /'; fi; \
exit $$status
endef

# $(call generate,subcommand and arguments): the name of the file, which it prints, is not news.
generate = $(call run,Generating: $@,mkdir -p $(@D) && $(QMK_BIN) $(1) >/dev/null)

# Compares what the firmware takes with what the bootloader leaves.
define check_size
@used=$$($(SIZE) --target=ihex $(HEX) | awk 'NR == 2 { print $$4 }'); \
over=$$((used - $(FLASH_LIMIT))); \
if [ $$over -gt 0 ]; then \
    printf '%-99s %b\n\n * %b\n' 'Checking file size of $(TARGET).hex' '$(ERROR_COLOR)[ERRORS]$(NO_COLOR)' \
        "$(ERROR_COLOR)The firmware is too large!$(NO_COLOR) $$used/$(FLASH_LIMIT) ($$over bytes over)"; \
    exit 1; \
fi; \
if ! $(SILENT); then \
    printf '%-99s %b\n * %s\n' 'Checking file size of $(TARGET).hex' '$(OK_COLOR)[OK]$(NO_COLOR)' \
        "The firmware size is fine - $$used/$(FLASH_LIMIT) ($$((used * 100 / $(FLASH_LIMIT)))%, $$((-over)) bytes free)"; \
fi
endef
