/* SPDX-License-Identifier: Apache-2.0 */
/* A trial load in a child that is thrown away: of what may kill a process
 * that loads it, the child dies. */
#ifndef PLUGIN_REHEARSE_H
#define PLUGIN_REHEARSE_H

#include "base/diag.h"
#include "base/str.h"
#include "plugin/manifest.h"
#include "plugin/user.h"

struct loop_child_task;

/* [control] Starts "exe rehearse COPY", with config (JSON text, or empty) also
 * its load() where the manifest says so; config NULL: never.  NULL with the
 * reason in diags, at the manifest's module line. */
struct loop_child_task *plugin_rehearse_begin(const struct plugin_manifest *m,
    struct str exe, const char *copy, const char *config, struct diags *diags);
/* [control] Waits for it, at most PLUGIN_REHEARSAL_NS, and compares what it
 * prints with the manifest.  0, or ERR_CONFIG with the reason in diags. */
int plugin_rehearse_end(const struct plugin_manifest *m,
    struct loop_child_task *task, struct diags *diags);
/* [control] Both, without load(). */
int plugin_rehearse(const struct plugin_manifest *m, struct str exe,
    const char *copy, const struct plugin_identity *who, struct diags *diags);

#endif
