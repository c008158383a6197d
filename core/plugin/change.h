/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload changed, as JSON for the operator. */
#ifndef PLUGIN_CHANGE_H
#define PLUGIN_CHANGE_H

#include "base/buf.h"
#include "plugin/generation.h"

#define PLUGIN_CHANGE_PLACES 32 /* of one schema; more are counted as one */

/* [control] The members "entries" and "limits", "grants", "isolation" as far
 * as they differ, each with a comma in front; before or now may be NULL, not
 * both. */
void plugin_change_members(const struct plugin_generation *before,
    const struct plugin_generation *now, struct buf *out);

#endif
