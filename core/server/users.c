/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups of runners, looked up where they are written. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "server/server_priv.h"

#define CODE_USER "TP1008"

static bool
number_of(struct str text, uint32_t *number)
{
	uint64_t n;

	/* The last one means "none" to the kernel. */
	if (str_to_u64(text, &n) < 0 || n >= UINT32_MAX)
		return false;
	*number = (uint32_t)n;
	return true;
}

static bool
user_find(struct plugin_user *u)
{
	const struct passwd *p;

	if (number_of(u->user, &u->uid))
		/* cppcheck-suppress getpwuidCalled ; one thread asks */
		p = getpwuid(u->uid);
	else
		/* Settings end with NUL. */
		/* cppcheck-suppress getpwnamCalled ; one thread asks */
		p = getpwnam(u->user.ptr);
	if (p == NULL)
		return false;
	u->uid = p->pw_uid;
	u->uid_group = p->pw_gid;
	return true;
}

static bool
group_find(struct plugin_user *u)
{
	const struct group *g;

	if (number_of(u->group, &u->gid))
		return true;
	/* cppcheck-suppress getgrnamCalled ; the start's thread alone asks */
	g = getgrnam(u->group.ptr);
	if (g == NULL)
		return false;
	u->gid = g->gr_gid;
	return true;
}

static int
refuse(const struct yaml_node *map, const char *key, const char *prefix,
    struct str name, const char *file, struct diags *diags)
{
	const struct yaml_node *n = yaml_get(map, str_of(key));

	return diags_add(diags, DIAG_ERROR, CODE_USER, file,
	    n != NULL ? n->at : map->at,
	    "its name or number, as in /etc/passwd and /etc/group",
	    "%s.%s: there is no %s \"%.*s\"", prefix, key, key, STR_FMT(name));
}

int
server_user_find(struct plugin_user *u, const struct yaml_node *map,
    const char *prefix, const char *file, struct diags *diags)
{
	int rc = 0;

	if (yaml_get(map, S("user")) != NULL && u->user.len > 0
	    && !user_find(u))
		rc = refuse(map, "user", prefix, u->user, file, diags);
	if (yaml_get(map, S("group")) != NULL && u->group.len > 0
	    && !group_find(u))
		rc = refuse(map, "group", prefix, u->group, file, diags);
	return rc;
}

/* One that this machine has itself.  Where nobody has named a user no service
 * of names is asked: that loads its modules into the server, 0.8 MB of them on
 * Debian, and may go over the network. */
static bool
local_user_find(struct plugin_user *u)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *p = NULL;

	if (f == NULL)
		return false;
	do {
		/* cppcheck-suppress fgetpwentCalled ; one thread asks */
		p = fgetpwent(f);
	} while (p != NULL && !str_equal(str_of(p->pw_name), u->user));
	if (p != NULL) {
		u->uid = p->pw_uid;
		u->uid_group = p->pw_gid;
	}
	(void)fclose(f); /* only read */
	return p != NULL;
}

void
server_user_default(struct plugin_user *u)
{
	struct plugin_user usual = { .user = STR(PLUGIN_USER_DEFAULT) };

	if (geteuid() != 0 || u->user.len > 0)
		return;
	if (!local_user_find(&usual)) {
		LOG_INFO("runners share the server's user",
		    F_CSTR("hint",
			"plugins.user, or a user " PLUGIN_USER_DEFAULT));
		return;
	}
	u->user = usual.user;
	u->uid = usual.uid;
	u->uid_group = usual.uid_group;
}

/* Who is not root has one user. */
static int
user_check(
    const struct plugin_user *u, const struct plugin_user *all, struct err *err)
{
	struct plugin_identity who;

	plugin_user_choose(u, all, &who);
	if (geteuid() == 0 || !who.changes)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "%.*s: a server that is not root cannot give its runners another "
	    "user or group (hint: leave it out, and they have the server's)",
	    STR_FMT(u->at.len > 0 ? u->at : all->at));
}

int
server_users_check(const struct server_config *c, struct err *err)
{
	int rc = user_check(&c->user, &c->user, err);

	for (size_t i = 0; i < c->overrides_len && rc == 0; i++)
		rc = user_check(&c->overrides[i].user, &c->user, err);
	return rc;
}
