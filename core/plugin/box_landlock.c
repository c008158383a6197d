/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths and ports a runner may reach: Landlock, by its raw calls, with
 * all that the running kernel knows of it. */
#define _GNU_SOURCE
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/box.h"

/* Newer than the headers of some systems that this is built on. */
#define FS_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0) /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
#define RULE_NET_PORT 2
#define ABI_REFER 2
#define ABI_TRUNCATE 3
#define ABI_NET 4
#define ABI_IOCTL 5
#define ABI_SCOPE 6

#define DNS_PORT 53

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define CHANGE \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR \
	    | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR \
	    | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM \
	    | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
/* All that a file may have; a folder may have the rest. */
#define OF_FILES \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE \
	    | LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct port_attr {
	uint64_t access;
	uint64_t port;
};

struct rules {
	int fd; /* owned */
	uint64_t fs; /* handled */
};

struct base_path {
	const char *path;
	uint64_t access;
	uint32_t flags; /* only with one of these; 0: always */
};

#define RUN (READ | LANDLOCK_ACCESS_FS_EXECUTE)

/* What the C library and the loader need; those that are not there are passed
 * over. */
static const struct base_path base_paths[] = {
	{ "/lib", READ, 0 },
	{ "/lib64", READ, 0 },
	{ "/usr/lib", READ, 0 },
	{ "/usr/lib64", READ, 0 },
	{ "/usr/local/lib", READ, 0 },
	{ "/etc/ld.so.cache", READ, 0 },
	{ "/etc/localtime", READ, 0 },
	{ "/usr/share/zoneinfo", READ, 0 },
	{ "/dev/urandom", READ, 0 },
	{ "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE, 0 },
#if BOX_SANITIZED
	{ "/proc/self/maps", READ, 0 },
#endif
#ifdef TOOLPOST_COUNTERS
	{ TOOLPOST_COUNTERS, READ | CHANGE, 0 },
#endif
	{ "/etc/resolv.conf", READ, BOX_NAMES },
	{ "/etc/hosts", READ, BOX_NAMES },
	{ "/etc/host.conf", READ, BOX_NAMES },
	{ "/etc/nsswitch.conf", READ, BOX_NAMES },
	{ "/etc/gai.conf", READ, BOX_NAMES },
	{ "/etc/services", READ, BOX_NAMES },
	{ "/etc/ssl/certs", READ, BOX_NAMES },
	{ "/usr/share/ca-certificates", READ, BOX_NAMES },
	{ "/usr", RUN, BOX_EXEC },
	{ "/bin", RUN, BOX_EXEC },
	{ "/sbin", RUN, BOX_EXEC },
	{ "/lib", RUN, BOX_EXEC },
	{ "/lib64", RUN, BOX_EXEC },
};

static long
abi_ask(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
}

static int
rules_open(struct rules *r, const struct box *b, long abi)
{
	struct ruleset_attr attr = { .fs = 0 };
	size_t size = sizeof attr.fs;

	/* The rights of ABI 1 are the lowest 13 bits. */
	attr.fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
	if (abi >= ABI_REFER)
		attr.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= ABI_TRUNCATE)
		attr.fs |= FS_TRUNCATE;
	if (abi >= ABI_IOCTL)
		attr.fs |= FS_IOCTL_DEV;
	if (abi >= ABI_NET) {
		attr.net = NET_BIND_TCP;
		if ((b->flags & BOX_ANY_PORT) == 0)
			attr.net |= NET_CONNECT_TCP;
		size = sizeof attr.fs + sizeof attr.net;
	}
	if (abi >= ABI_SCOPE) {
		attr.scoped = SCOPE_SIGNAL;
		if ((b->flags & BOX_UNIX) == 0)
			attr.scoped |= SCOPE_ABSTRACT_UNIX;
		size = sizeof attr;
	}
	r->fs = attr.fs;
	r->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	return r->fd < 0 ? ERR_IO : 0;
}

/* ERR_NOTFOUND: no such path. */
static int
path_allow(const struct rules *r, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr attr;
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return ERR_NOTFOUND;
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		access &= OF_FILES;
	attr.parent_fd = fd;
	attr.allowed_access = access & r->fs;
	if (syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH,
		&attr, 0)
	    < 0)
		rc = ERR_IO;
	(void)close(fd); /* nothing was written */
	return rc;
}

static int
base_allow(const struct rules *r, const struct box *b)
{
	for (size_t i = 0; i < sizeof base_paths / sizeof base_paths[0]; i++) {
		const struct base_path *p = &base_paths[i];

		if ((p->flags == 0 || (p->flags & b->flags) != 0)
		    && path_allow(r, p->path, p->access) == ERR_IO)
			return ERR_IO;
	}
	return 0;
}

static int
granted_allow(const struct rules *r, const struct box *b)
{
	for (size_t i = 0; i < b->paths_len; i++) {
		const struct box_path *p = &b->paths[i];
		uint64_t access = p->write ? READ | CHANGE : READ;
		char path[4096];
		int rc;

		if ((b->flags & BOX_EXEC) != 0)
			access |= LANDLOCK_ACCESS_FS_EXECUTE;
		(void)snprintf(path, sizeof path, "%.*s",
		    STR_FMT(p->path)); /* a longer one is none */
		rc = path_allow(r, path, access);
		if (rc == ERR_NOTFOUND)
			LOG_WARN("granted path cannot be opened",
			    F_STR("path", p->path));
		else if (rc < 0)
			return rc;
	}
	return 0;
}

static int
port_allow(const struct rules *r, uint64_t port)
{
	struct port_attr attr = { NET_CONNECT_TCP, port };

	return syscall(SYS_landlock_add_rule, r->fd, RULE_NET_PORT, &attr, 0)
		< 0
	    ? ERR_IO
	    : 0;
}

static int
ports_allow(const struct rules *r, const struct box *b)
{
	int rc = 0;

	if ((b->flags & BOX_TCP) == 0 || (b->flags & BOX_ANY_PORT) != 0)
		return 0;
	for (size_t i = 0; i < b->ports_len && rc == 0; i++)
		rc = port_allow(r, b->ports[i]);
	if (rc == 0 && (b->flags & BOX_NAMES) != 0)
		rc = port_allow(r, DNS_PORT);
	return rc;
}

int
box_paths_close(struct box *b, const char *copy, struct err *err)
{
	bool ports = (b->flags & BOX_TCP) != 0;
	long abi = abi_ask();
	struct rules r;
	int rc;

	if (abi < 1)
		return box_lacks(b, err, "Landlock");
	if (ports && abi < ABI_NET) {
		rc = box_lacks(b, err, "Landlock for ports (ABI 4, Linux 6.7)");
		if (rc < 0)
			return rc;
	}
	if (rules_open(&r, b, abi) < 0)
		return err_set_errno(err, ERR_IO, errno, "Landlock");
	rc = base_allow(&r, b);
	if (rc == 0)
		rc = path_allow(&r, copy, READ);
	if (rc == 0)
		rc = granted_allow(&r, b);
	if (rc == 0 && abi >= ABI_NET)
		rc = ports_allow(&r, b);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, r.fd, 0) < 0)
		rc = ERR_IO;
	if (rc < 0)
		(void)err_set_errno(err, rc, errno, "Landlock");
	(void)close(r.fd); /* nothing was written */
	return rc;
}
