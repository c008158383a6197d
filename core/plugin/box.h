/* SPDX-License-Identifier: Apache-2.0 */
/* The box around a plugin in a runner: what its process may do, closed by the
 * kernel.  Used in toolpost-runner alone.
 *
 * box_begin() as the first of all; box_enter() with one thread, since Landlock
 * counts for the thread that asks and those it makes; then load(), which needs
 * the loader's system calls; then box_close() for all threads. */
#ifndef PLUGIN_BOX_H
#define PLUGIN_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "plugin/wire.h"

#define BOX_PATHS_MAX 256
#define BOX_PORTS_MAX 64
/* On standard error, before the number of a system call that ended it. */
#define BOX_REFUSED_MARK "toolpost-runner: system call not allowed: "
#define BOX_TOO_LARGE \
	"toolpost-runner: a file may not grow so large (grants.write)"
#define BOX_FILES 64 /* descriptors beside the channels */
#define BOX_FILE_MAX ((uint64_t)1024 * 1024 * 1024) /* with a write grant */

/* Sanitizers map shadow memory, start threads and read /proc: they get wide
 * limits, and a filter that names what is refused. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) \
    || __has_feature(memory_sanitizer)
#define BOX_SANITIZED 1
#endif
#endif
#ifndef BOX_SANITIZED
#define BOX_SANITIZED 0
#endif

enum box_flag {
	BOX_BEST_EFFORT = 1, /* what the kernel lacks is left out */
	BOX_EXEC = 2, /* may start programs */
	BOX_THREADS = 4,
	BOX_UNIX = 8, /* sockets of this machine */
	BOX_TCP = 16, /* to ports, or to any */
	BOX_ANY_PORT = 32,
	BOX_USER = 128, /* becomes another user */
	BOX_NAMES = 64 /* looks up names: UDP, and the resolver's files */
};

struct box_path {
	struct str path;
	bool write; /* besides reading */
};

struct box {
	uint32_t parent; /* process id of the host */
	uint32_t flags; /* enum box_flag */
	uint32_t uid, gid; /* with BOX_USER */
	uint64_t memory; /* bytes of address space */
	uint64_t cpu_s; /* 0: no bound */
	uint32_t ports[BOX_PORTS_MAX];
	size_t ports_len;
	struct box_path paths[BOX_PATHS_MAX];
	size_t paths_len;
	const char *lacks; /* constant; what it goes without, or NULL */
};

/* box_wire.c: part of the start frame; what is read is borrowed from it. */
void box_put(const struct box *b, struct buf *out);
void box_get(struct box *b, struct wire_in *in);

/* May it open files when it has been loaded? */
bool box_opens(uint32_t flags, size_t paths);

/* box_names.c: [any] What ended it, by its last words: "execve (59)", or
 * nothing. */
void box_refused_name(struct str words, struct buf *out);
/* [any] The name of a system call; "a system call" where we know none. */
const char *box_call_name(uint64_t number);
/* What a call that the box refuses was about. */
struct box_call {
	const char *grant; /* constant; what opens it, or NULL: nothing does */
	int path_arg; /* which argument is a path; negative: none */
};
/* [any] */
void box_call_of(int number, const uint64_t args[6], struct box_call *out);
/* [any] What the plugin is told. */
int box_call_errno(int number);

/* Standard output, descriptors, the tie to the parent, no new privileges.
 * channels are the descriptors from first_fd on that stay. */
int box_begin(int first_fd, unsigned channels, struct err *err);
/* Each thread that runs plugin code hears of files that are too large. */
void box_thread_init(void);
/* User, capabilities, limits and paths; copy is the module, by a name that the
 * user can open when this has returned. */
int box_enter(struct box *b, char *copy, unsigned channels, struct err *err);
/* No process and no thread is made from here on, where none is granted. */
void box_settle(const struct box *b);
/* The system calls.  listener: where the kernel asks about those that are
 * refused, the caller's; -1: it asks nobody. */
int box_close(struct box *b, int *listener, struct err *err);

/* Between the files of the box. */

/* box_landlock.c */
int box_paths_close(struct box *b, const char *copy, struct err *err);
/* box_seccomp.c */
int box_calls_close(struct box *b, int *listener, struct err *err);
/* What the kernel does not offer: an error, or with best effort a note. */
int box_lacks(struct box *b, struct err *err, const char *what);

#endif
