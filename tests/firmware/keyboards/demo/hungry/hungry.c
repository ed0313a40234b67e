// SPDX-License-Identifier: Apache-2.0
#include QMK_KEYBOARD_H

#define DECLARE(name) extern const uint8_t name;

// DIGITS_n(name) declares a variable for each way to add n digits to the name.
#define DIGITS_1(name) DECLARE(name##0) DECLARE(name##1) DECLARE(name##2) DECLARE(name##3) DECLARE(name##4) DECLARE(name##5) DECLARE(name##6) DECLARE(name##7) DECLARE(name##8) DECLARE(name##9)
#define DIGITS_2(name) DIGITS_1(name##0) DIGITS_1(name##1) DIGITS_1(name##2) DIGITS_1(name##3) DIGITS_1(name##4) DIGITS_1(name##5) DIGITS_1(name##6) DIGITS_1(name##7) DIGITS_1(name##8) DIGITS_1(name##9)
#define DIGITS_3(name) DIGITS_2(name##0) DIGITS_2(name##1) DIGITS_2(name##2) DIGITS_2(name##3) DIGITS_2(name##4) DIGITS_2(name##5) DIGITS_2(name##6) DIGITS_2(name##7) DIGITS_2(name##8) DIGITS_2(name##9)
#define DIGITS_4(name) DIGITS_3(name##0) DIGITS_3(name##1) DIGITS_3(name##2) DIGITS_3(name##3) DIGITS_3(name##4) DIGITS_3(name##5) DIGITS_3(name##6) DIGITS_3(name##7) DIGITS_3(name##8) DIGITS_3(name##9)
#define DIGITS_5(name) DIGITS_4(name##0) DIGITS_4(name##1) DIGITS_4(name##2) DIGITS_4(name##3) DIGITS_4(name##4) DIGITS_4(name##5) DIGITS_4(name##6) DIGITS_4(name##7) DIGITS_4(name##8) DIGITS_4(name##9)
#define DIGITS_6(name) DIGITS_5(name##0) DIGITS_5(name##1) DIGITS_5(name##2) DIGITS_5(name##3) DIGITS_5(name##4) DIGITS_5(name##5) DIGITS_5(name##6) DIGITS_5(name##7) DIGITS_5(name##8) DIGITS_5(name##9)

DIGITS_6(odd_)
DIGITS_6(even_)
