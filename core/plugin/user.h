/* SPDX-License-Identifier: Apache-2.0 */
/* Who a runner is: a user of its own, where the server is root. */
#ifndef PLUGIN_USER_H
#define PLUGIN_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define PLUGIN_USER_NAME_MAX 64
/* Taken where it exists and nobody says more. */
#define PLUGIN_USER_DEFAULT "toolpost-runner"

/* As the operator wrote it. */
struct plugin_user {
	struct str user, group; /* names or numbers; empty: not said */
	struct str at; /* "file:line:column" of the user, or of the group */
	uint32_t uid, uid_group; /* of the user */
	uint32_t gid; /* of the group */
};

/* What comes of it. */
struct plugin_identity {
	bool changes; /* else the server's own, and the rest is nothing */
	uint32_t uid, gid;
	char name[PLUGIN_USER_NAME_MAX]; /* of the user; may be cut */
};

/* [any] Text goes to a, which tells when it is full. */
void plugin_user_copy(
    struct plugin_user *to, const struct plugin_user *from, struct arena *a);
bool plugin_user_equal(
    const struct plugin_user *a, const struct plugin_user *b);
/* [any] own counts before what is said of all. */
void plugin_user_choose(const struct plugin_user *own,
    const struct plugin_user *all, struct plugin_identity *out);
/* One thread: for good, and with no group but that one.  copy, a path in the
 * folder of copies, becomes one that the user can open: from there, which is
 * the working directory now. */
int plugin_user_become(uint32_t uid, uint32_t gid, char *copy, struct err *err);

#endif
