# SPDX-License-Identifier: Apache-2.0
#
# Writes one breath of a light as 64 levels of brightness, 0 to 255. The curve is e^sin(x); a level
# is its mean over one 64th of the turn, from `millions` million samples in all.

BEGIN {
    levels = 64
    samples = int(millions * 1000000 / levels)
    turn = 6.283185307179586
    lowest = exp(-1)
    span = exp(1) - lowest
    print "#pragma once\n"
    print "static const uint8_t brightness_curve[] PROGMEM = {"
    for (level = 0; level < levels; level++) {
        sum = 0
        for (i = 0; i < samples; i++)
            sum += exp(sin(turn * (level + i / samples) / levels))
        printf "    %d,\n", 255 * (sum / samples - lowest) / span + 0.5
    }
    print "};"
}
