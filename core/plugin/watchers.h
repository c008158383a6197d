/* SPDX-License-Identifier: Apache-2.0 */
/* The hook tp.watch/1: which generation is told that somebody waits for news
 * of a resource.  Everything here is [control]. */
#ifndef PLUGIN_WATCHERS_H
#define PLUGIN_WATCHERS_H

#include <toolpost/ext/watch.h>

#include "plugin/generation.h"

struct plugin_manager;

/* The module's table; NULL: none, or one without both functions. */
const struct tp_watch *plugin_watchers_find(const struct plugin_module *m);
bool plugin_watchers_offered(const struct plugin_module *m);
/* The table of every plugin in a runner. */
extern const struct tp_watch plugin_watchers_runner;

void plugin_watchers_begin(struct plugin_manager *m);
void plugin_watchers_end(struct plugin_manager *m);
/* After load(), before publication: g hears of every watched URI that it will
 * answer for, so that nothing is lost between the two.  True: there are some.
 */
bool plugin_watchers_prepare(
    struct plugin_manager *m, struct plugin_generation *g);
/* The runner of g is another one: what g was told is told again. */
void plugin_watchers_again(
    struct plugin_manager *m, struct plugin_generation *g);
/* After publication: each watched URI is with who answers for it now. */
void plugin_watchers_settle(struct plugin_manager *m);

#endif
