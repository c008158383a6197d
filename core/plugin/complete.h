/* SPDX-License-Identifier: Apache-2.0 */
/* The hook tp.complete/1 of a plugin. */
#ifndef PLUGIN_COMPLETE_H
#define PLUGIN_COMPLETE_H

#include <toolpost/ext/complete.h>

#include "base/diag.h"
#include "data/json.h"
#include "plugin/loader.h"
#include "plugin/manifest.h"

/* [any] The module's table; NULL: none, or one without a function. */
const struct tp_complete *plugin_complete_find(const struct plugin_module *m);
/* [any] The first entry with arguments to complete; NULL: none. */
const struct plugin_manifest_entry *plugin_complete_wanted(
    const struct plugin_manifest *m);
/* [any] What plugin_module_describe() printed must offer what m wants. */
void plugin_complete_compare(const struct plugin_manifest *m,
    const struct json_node *description, struct diags *diags);

#endif
