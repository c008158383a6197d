/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that something happened in some folders; what, a scan finds out. */
#ifndef PLUGIN_WATCH_H
#define PLUGIN_WATCH_H

#include <stddef.h>

#include "base/err.h"
#include "loop/loop.h"

struct plugin_watch;

/* [control] fn runs after each burst of events. */
struct plugin_watch *plugin_watch_create(
    struct loop *l, void (*fn)(void *arg), void *arg, struct err *err);
/* [control] Watches the folders and the folders in them, also those that
 * are new since the last time. */
void plugin_watch_folders(
    struct plugin_watch *w, char *const *dirs, size_t dirs_len);
/* [control] Watches the folder of a file. */
void plugin_watch_file(struct plugin_watch *w, const char *path);
void plugin_watch_destroy(struct plugin_watch *w);

#endif
