// SPDX-License-Identifier: Apache-2.0
#pragma once

// Types a text in program memory, ASCII, on a host with the US layout.
void send_string_P(const char *text);
