/* SPDX-License-Identifier: Apache-2.0 */
/* Where the pointers of a descriptor lead: into the object that has it, or
 * nobody knows what would be called. */
#ifndef PLUGIN_POINTERS_H
#define PLUGIN_POINTERS_H

#include "base/err.h"
#include "plugin/loader.h"

/* [control] symbol is the descriptor in memory.  ERR_SYNTAX names the first
 * function that is not in an executable segment of its object, or the table
 * that is not in a readable one.  Counts beyond their bounds are left to the
 * caller. */
int plugin_pointers_check(
    const struct plugin_module *m, const void *symbol, struct err *err);

#endif
