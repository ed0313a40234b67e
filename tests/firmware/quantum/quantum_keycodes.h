// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keycodes.h"

// Modifiers in five bits: four kinds, and whether they are those on the right.
#define MOD_LCTL 0x01
#define MOD_LSFT 0x02
#define MOD_LALT 0x04
#define MOD_LGUI 0x08
#define MOD_RCTL 0x11
#define MOD_RSFT 0x12
#define MOD_RALT 0x14
#define MOD_RGUI 0x18
#define MOD_MEH (MOD_LCTL | MOD_LSFT | MOD_LALT)
#define MOD_HYPR (MOD_MEH | MOD_LGUI)

// A key together with modifiers.
#define QK_LCTL (MOD_LCTL << 8)
#define QK_LSFT (MOD_LSFT << 8)
#define QK_LALT (MOD_LALT << 8)
#define QK_LGUI (MOD_LGUI << 8)
#define QK_RCTL (MOD_RCTL << 8)
#define QK_RSFT (MOD_RSFT << 8)
#define QK_RALT (MOD_RALT << 8)
#define QK_RGUI (MOD_RGUI << 8)

#define LCTL(kc) (QK_LCTL | (kc))
#define LSFT(kc) (QK_LSFT | (kc))
#define LALT(kc) (QK_LALT | (kc))
#define LOPT(kc) LALT(kc)
#define LGUI(kc) (QK_LGUI | (kc))
#define LCMD(kc) LGUI(kc)
#define LWIN(kc) LGUI(kc)
#define RCTL(kc) (QK_RCTL | (kc))
#define RSFT(kc) (QK_RSFT | (kc))
#define RALT(kc) (QK_RALT | (kc))
#define ROPT(kc) RALT(kc)
#define ALGR(kc) RALT(kc)
#define RGUI(kc) (QK_RGUI | (kc))
#define RCMD(kc) RGUI(kc)
#define RWIN(kc) RGUI(kc)
#define C(kc) LCTL(kc)
#define S(kc) LSFT(kc)
#define A(kc) LALT(kc)
#define G(kc) LGUI(kc)
#define LCS(kc) (QK_LCTL | QK_LSFT | (kc))
#define LCA(kc) (QK_LCTL | QK_LALT | (kc))
#define LCG(kc) (QK_LCTL | QK_LGUI | (kc))
#define LSA(kc) (QK_LSFT | QK_LALT | (kc))
#define LSG(kc) (QK_LSFT | QK_LGUI | (kc))
#define SGUI(kc) LSG(kc)
#define LAG(kc) (QK_LALT | QK_LGUI | (kc))
#define LCAG(kc) (QK_LCTL | QK_LALT | QK_LGUI | (kc))
#define LSAG(kc) (QK_LSFT | QK_LALT | QK_LGUI | (kc))
#define RCS(kc) (QK_RCTL | QK_RSFT | (kc))
#define RSA(kc) (QK_RSFT | QK_RALT | (kc))
#define SAGR(kc) RSA(kc)
#define RSG(kc) (QK_RSFT | QK_RGUI | (kc))
#define MEH(kc) ((MOD_MEH << 8) | (kc))
#define HYPR(kc) ((MOD_HYPR << 8) | (kc))
#define KC_MEH MEH(KC_NO)
#define KC_HYPR HYPR(KC_NO)

// A modifier while held, a key when tapped.
#define MT(mod, kc) (QK_MOD_TAP | (((mod) & 0x1F) << 8) | ((kc) & 0xFF))
#define LCTL_T(kc) MT(MOD_LCTL, kc)
#define LSFT_T(kc) MT(MOD_LSFT, kc)
#define LALT_T(kc) MT(MOD_LALT, kc)
#define LOPT_T(kc) LALT_T(kc)
#define LGUI_T(kc) MT(MOD_LGUI, kc)
#define LCMD_T(kc) LGUI_T(kc)
#define LWIN_T(kc) LGUI_T(kc)
#define RCTL_T(kc) MT(MOD_RCTL, kc)
#define RSFT_T(kc) MT(MOD_RSFT, kc)
#define RALT_T(kc) MT(MOD_RALT, kc)
#define ROPT_T(kc) RALT_T(kc)
#define ALGR_T(kc) RALT_T(kc)
#define RGUI_T(kc) MT(MOD_RGUI, kc)
#define RCMD_T(kc) RGUI_T(kc)
#define RWIN_T(kc) RGUI_T(kc)
#define CTL_T(kc) LCTL_T(kc)
#define SFT_T(kc) LSFT_T(kc)
#define ALT_T(kc) LALT_T(kc)
#define GUI_T(kc) LGUI_T(kc)
#define CMD_T(kc) LGUI_T(kc)
#define WIN_T(kc) LGUI_T(kc)
#define C_S_T(kc) MT(MOD_LCTL | MOD_LSFT, kc)
#define LCA_T(kc) MT(MOD_LCTL | MOD_LALT, kc)
#define LCG_T(kc) MT(MOD_LCTL | MOD_LGUI, kc)
#define LSA_T(kc) MT(MOD_LSFT | MOD_LALT, kc)
#define LSG_T(kc) MT(MOD_LSFT | MOD_LGUI, kc)
#define SGUI_T(kc) LSG_T(kc)
#define LAG_T(kc) MT(MOD_LALT | MOD_LGUI, kc)
#define LCAG_T(kc) MT(MOD_LCTL | MOD_LALT | MOD_LGUI, kc)
#define MEH_T(kc) MT(MOD_MEH, kc)
#define HYPR_T(kc) MT(MOD_HYPR, kc)
#define ALL_T(kc) HYPR_T(kc)

// Layers.
#define LT(layer, kc) (QK_LAYER_TAP | (((layer) & 0x0F) << 8) | ((kc) & 0xFF))
#define LM(layer, mod) (QK_LAYER_MOD | (((layer) & 0x0F) << 5) | ((mod) & 0x1F))
#define TO(layer) (QK_TO | ((layer) & 0x1F))
#define MO(layer) (QK_MOMENTARY | ((layer) & 0x1F))
#define DF(layer) (QK_DEF_LAYER | ((layer) & 0x1F))
#define TG(layer) (QK_TOGGLE_LAYER | ((layer) & 0x1F))
#define OSL(layer) (QK_ONE_SHOT_LAYER | ((layer) & 0x1F))
#define OSM(mod) (QK_ONE_SHOT_MOD | ((mod) & 0x1F))
#define TT(layer) (QK_LAYER_TAP_TOGGLE | ((layer) & 0x1F))

// The upper signs of a US keyboard.
#define KC_TILDE LSFT(KC_GRAVE)
#define KC_TILD KC_TILDE
#define KC_EXCLAIM LSFT(KC_1)
#define KC_EXLM KC_EXCLAIM
#define KC_AT LSFT(KC_2)
#define KC_HASH LSFT(KC_3)
#define KC_DOLLAR LSFT(KC_4)
#define KC_DLR KC_DOLLAR
#define KC_PERCENT LSFT(KC_5)
#define KC_PERC KC_PERCENT
#define KC_CIRCUMFLEX LSFT(KC_6)
#define KC_CIRC KC_CIRCUMFLEX
#define KC_AMPERSAND LSFT(KC_7)
#define KC_AMPR KC_AMPERSAND
#define KC_ASTERISK LSFT(KC_8)
#define KC_ASTR KC_ASTERISK
#define KC_LEFT_PAREN LSFT(KC_9)
#define KC_LPRN KC_LEFT_PAREN
#define KC_RIGHT_PAREN LSFT(KC_0)
#define KC_RPRN KC_RIGHT_PAREN
#define KC_UNDERSCORE LSFT(KC_MINUS)
#define KC_UNDS KC_UNDERSCORE
#define KC_PLUS LSFT(KC_EQUAL)
#define KC_LEFT_CURLY_BRACE LSFT(KC_LEFT_BRACKET)
#define KC_LCBR KC_LEFT_CURLY_BRACE
#define KC_RIGHT_CURLY_BRACE LSFT(KC_RIGHT_BRACKET)
#define KC_RCBR KC_RIGHT_CURLY_BRACE
#define KC_PIPE LSFT(KC_BACKSLASH)
#define KC_COLON LSFT(KC_SEMICOLON)
#define KC_COLN KC_COLON
#define KC_DOUBLE_QUOTE LSFT(KC_QUOTE)
#define KC_DQUO KC_DOUBLE_QUOTE
#define KC_LEFT_ANGLE_BRACKET LSFT(KC_COMMA)
#define KC_LABK KC_LEFT_ANGLE_BRACKET
#define KC_LT KC_LEFT_ANGLE_BRACKET
#define KC_RIGHT_ANGLE_BRACKET LSFT(KC_DOT)
#define KC_RABK KC_RIGHT_ANGLE_BRACKET
#define KC_GT KC_RIGHT_ANGLE_BRACKET
#define KC_QUESTION LSFT(KC_SLASH)
#define KC_QUES KC_QUESTION
