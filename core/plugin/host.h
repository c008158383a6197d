/* SPDX-License-Identifier: Apache-2.0 */
/* The host table that every handle begins with, and what it checks of what a
 * plugin gives; the same is checked of what a runner sends. */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include <stdbool.h>

#include <toolpost/abi.h>

#include "call/call.h"

extern const struct tp_host plugin_host;

/* [any] 0 or ERR_PARAMS: pictures and sounds are bytes with a media type, the
 * rest is text (TOOL-18). */
int plugin_content_check(const struct call_content *block);
/* [any] */
bool plugin_json_check(struct str text);

#endif
