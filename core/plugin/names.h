/* SPDX-License-Identifier: Apache-2.0 */
/* Manifest and descriptor must say the same: every entry has its function,
 * every function its entry, and the plugin one name and version. */
#ifndef PLUGIN_NAMES_H
#define PLUGIN_NAMES_H

#include "base/diag.h"
#include "data/json.h"
#include "plugin/loader.h"
#include "plugin/manifest.h"

/* [any] Compares with what plugin_module_describe() printed; differences go to
 * diags with both sides and the remedy.  0 or ERR_CONFIG. */
int plugin_names_compare(const struct plugin_manifest *m,
    const struct json_node *description, struct diags *diags);
/* [any] The enum tp_kind of an entry. */
unsigned plugin_kind_of(enum registry_kind kind);
/* [any] The function of a declared entry; NULL if it has none. */
const struct tp_entry *plugin_names_find(
    const struct plugin_module *module, const struct plugin_manifest_entry *e);

#endif
