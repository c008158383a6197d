/* SPDX-License-Identifier: Apache-2.0 */
/* From the control thread's table of descriptors into that of a reactor, where
 * each reactor has one of its own: a descriptor travels through a socket that
 * both have known from before.  It names the seat that it is for, and the life
 * it leads to. */
#ifndef PLUGIN_PASSAGE_H
#define PLUGIN_PASSAGE_H

#include "base/err.h"
#include "loop/loop.h"

struct plugin_passage;
struct runner_life;

/* [control] Before any reactor has its own table. */
struct plugin_passage *plugin_passage_create(
    unsigned reactors, struct err *err);
/* [control] After every reactor has left. */
void plugin_passage_destroy(struct plugin_passage *p);
/* [reactor] In its own table: lets go of what is not its own, and begins to
 * listen. */
int plugin_passage_enter(struct plugin_passage *p, unsigned reactor,
    struct loop *loop, struct err *err);
/* [reactor] Harmless when it never entered. */
void plugin_passage_leave(struct plugin_passage *p, unsigned reactor);
/* [control] Sends the reactor its descriptor of that life, which may be closed
 * here afterwards. */
int plugin_passage_send(struct plugin_passage *p, unsigned reactor, int fd,
    struct runner_life *life);
/* [reactor] Gives each seat what has come for it. */
void plugin_passage_receive(struct plugin_passage *p, unsigned reactor);

#endif
