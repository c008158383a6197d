/* SPDX-License-Identifier: Apache-2.0 */
/* A trial load in a child that is thrown away: of what may kill a process
 * that loads it, the child dies. */
#ifndef PLUGIN_REHEARSE_H
#define PLUGIN_REHEARSE_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/str.h"
#include "plugin/manifest.h"
#include "plugin/user.h"

struct loop;
struct plugin_rehearsal;

/* [control] Starts "exe rehearse COPY", with config (JSON text, or empty) also
 * its load() where the manifest says so; config NULL: never.  As who; NULL: as
 * we are.  It has PLUGIN_REHEARSAL_NS; told runs on the loop when it is over.
 * NULL with the reason in diags, at the manifest's module line. */
struct plugin_rehearsal *plugin_rehearse_begin(struct loop *loop,
    const struct plugin_manifest *m, struct str exe, const char *copy,
    const char *config, const struct plugin_identity *who,
    void (*told)(void *arg), void *arg, struct diags *diags);
bool plugin_rehearse_is_over(const struct plugin_rehearsal *r);
/* [control] Waits here unless it is over, compares what it has printed with
 * the manifest, and lets go of it.  0, or ERR_CONFIG with the reason in
 * diags. */
int plugin_rehearse_end(const struct plugin_manifest *m,
    struct plugin_rehearsal *r, struct diags *diags);
/* [control] Ends it; nobody is told.  May be NULL. */
void plugin_rehearse_drop(struct plugin_rehearsal *r);
/* [any] All of it, here, without load(). */
int plugin_rehearse(const struct plugin_manifest *m, struct str exe,
    const char *copy, struct diags *diags);

#endif
