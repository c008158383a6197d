/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "plugin/user.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
plugin_user_copy(
    struct plugin_user *to, const struct plugin_user *from, struct arena *a)
{
	*to = *from;
	to->user = arena_dup(a, from->user);
	to->group = arena_dup(a, from->group);
	to->at = arena_dup(a, from->at);
}

bool
plugin_user_equal(const struct plugin_user *a, const struct plugin_user *b)
{
	return str_equal(a->user, b->user) && str_equal(a->group, b->group)
	    && a->uid == b->uid && a->uid_group == b->uid_group
	    && a->gid == b->gid;
}

void
plugin_user_choose(const struct plugin_user *own, const struct plugin_user *all,
    struct plugin_identity *out)
{
	const struct plugin_user *u =
	    own != NULL && own->user.len > 0 ? own : all;
	struct str name = u->user.len > 0 ? u->user : S("the server's user");

	memset(out, 0, sizeof *out);
	out->uid = geteuid();
	out->gid = getegid();
	if (u->user.len > 0) {
		out->uid = u->uid;
		out->gid = u->uid_group;
	}
	if (u->group.len > 0)
		out->gid = u->gid;
	if (own != NULL && own->group.len > 0)
		out->gid = own->gid;
	out->changes = out->uid != geteuid() || out->gid != getegid();
	(void)snprintf(out->name, sizeof out->name, "%.*s", STR_FMT(name));
}

/* The folders above the copies are the server's alone; the one they are in lets
 * everybody through who is there already. */
static int
folder_enter(char *copy)
{
	char *slash = strrchr(copy, '/');
	int rc;

	if (slash == NULL || slash == copy) {
		errno = EINVAL;
		return ERR_PARAMS;
	}
	*slash = '\0';
	rc = chdir(copy) == 0 ? 0 : ERR_IO;
	*slash = '/';
	if (rc == 0) {
		memmove(copy + 1, slash, strlen(slash) + 1);
		copy[0] = '.';
	}
	return rc;
}

int
plugin_user_become(uint32_t uid, uint32_t gid, char *copy, struct err *err)
{
	if (folder_enter(copy) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", copy);
	if (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0
	    && setresuid(uid, uid, uid) == 0)
		return 0;
	return err_set_errno(err, ERR_IO, errno,
	    "it cannot become user %u, group %u (hint: plugins.user needs a "
	    "server that is root and may change users)",
	    uid, gid);
}
