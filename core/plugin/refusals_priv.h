/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two files of refusals. */
#ifndef PLUGIN_REFUSALS_PRIV_H
#define PLUGIN_REFUSALS_PRIV_H

#include "plugin/refusals.h"

/* [any] Counts one; its index among the kinds, or -1: beyond their bound. */
int refusals_add(struct plugin_refusals *r, const struct plugin_refused *one);

#endif
