/* SPDX-License-Identifier: Apache-2.0 */
/* The names of system calls that end a runner or are refused, for who reads
 * why, and what opens them. */
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>

#include "base/check.h"
#include "plugin/box.h"

#define NAME(name_) \
	{ \
		SYS_##name_, #name_ \
	}

/* clang-format off */
static const struct {
	long number;
	const char *name;
} calls[] = {
	NAME(execve),
	NAME(execveat),
	NAME(clone),
	NAME(clone3),
#ifdef SYS_fork
	NAME(fork),
#endif
#ifdef SYS_vfork
	NAME(vfork),
#endif
	NAME(ptrace),
	NAME(process_vm_readv),
	NAME(process_vm_writev),
	NAME(kill),
	NAME(tkill),
	NAME(tgkill),
	NAME(pidfd_open),
	NAME(pidfd_send_signal),
	NAME(mmap),
	NAME(mprotect),
	NAME(pkey_mprotect),
	NAME(mremap),
	NAME(shmat),
	NAME(bpf),
	NAME(perf_event_open),
	NAME(io_uring_setup),
	NAME(userfaultfd),
	NAME(keyctl),
	NAME(add_key),
	NAME(mount),
	NAME(umount2),
	NAME(pivot_root),
	NAME(chroot),
	NAME(unshare),
	NAME(setns),
	NAME(seccomp),
	NAME(prctl),
	NAME(setuid),
	NAME(setgid),
	NAME(setresuid),
	NAME(setresgid),
	NAME(setgroups),
	NAME(capset),
	NAME(reboot),
	NAME(kexec_load),
	NAME(init_module),
	NAME(finit_module),
	NAME(swapon),
	NAME(open_by_handle_at),
	NAME(personality),
	NAME(rt_sigaction),
	NAME(ioctl),
	NAME(prlimit64),
	NAME(openat2),
	NAME(rt_sigqueueinfo),
};
/* clang-format on */

#define READ "grants.read"
#define WRITE "grants.write"
#define NETWORK "grants.network"
#define THREADS "grants.threads"
#define CALL(name_, grant_, path_) \
	{ \
		SYS_##name_, #name_, grant_, path_ \
	}

/* What box_seccomp.c refuses; path_arg: which argument is one. */
/* clang-format off */
static const struct {
	long number;
	const char *name;
	const char *grant;
	int path_arg;
} refused[] = {
#ifdef SYS_access
	CALL(access, READ, 0),
#endif
	CALL(copy_file_range, WRITE, -1),
#ifdef SYS_creat
	CALL(creat, WRITE, 0),
#endif
	CALL(faccessat, READ, 1),
	CALL(faccessat2, READ, 1),
#ifdef SYS_getdents
	CALL(getdents, READ, -1),
#endif
	CALL(getdents64, READ, -1),
	CALL(inotify_add_watch, READ, 1),
	CALL(inotify_init1, READ, -1),
	CALL(inotify_rm_watch, READ, -1),
#ifdef SYS_link
	CALL(link, WRITE, 1),
#endif
	CALL(linkat, WRITE, 3),
#ifdef SYS_lstat
	CALL(lstat, READ, 0),
#endif
#ifdef SYS_mkdir
	CALL(mkdir, WRITE, 0),
#endif
	CALL(mkdirat, WRITE, 1),
#ifdef SYS_open
	CALL(open, READ, 0),
#endif
	CALL(openat, READ, 1),
	CALL(openat2, READ, 1),
#ifdef SYS_readlink
	CALL(readlink, READ, 0),
#endif
	CALL(readlinkat, READ, 1),
#ifdef SYS_rename
	CALL(rename, WRITE, 0),
#endif
#ifdef SYS_renameat
	CALL(renameat, WRITE, 1),
#endif
	CALL(renameat2, WRITE, 1),
#ifdef SYS_rmdir
	CALL(rmdir, WRITE, 0),
#endif
#ifdef SYS_stat
	CALL(stat, READ, 0),
#endif
	CALL(statfs, READ, 0),
	CALL(statx, READ, 1),
#ifdef SYS_symlink
	CALL(symlink, WRITE, 1),
#endif
	CALL(symlinkat, WRITE, 2),
	CALL(truncate, WRITE, 0),
#ifdef SYS_unlink
	CALL(unlink, WRITE, 0),
#endif
	CALL(unlinkat, WRITE, 1),
	CALL(accept, NETWORK, -1),
	CALL(accept4, NETWORK, -1),
	CALL(bind, NETWORK, -1),
	CALL(connect, NETWORK, -1),
	CALL(listen, NETWORK, -1),
	CALL(socket, NETWORK, -1),
	CALL(socketpair, NETWORK, -1),
	CALL(clone, THREADS, -1),
#ifdef SYS_chmod
	CALL(chmod, NULL, 0),
#endif
#ifdef SYS_chown
	CALL(chown, NULL, 0),
#endif
	CALL(fchmod, NULL, -1),
	CALL(fchmodat, NULL, 1),
	CALL(fchown, NULL, -1),
	CALL(fchownat, NULL, 1),
	CALL(fsetxattr, NULL, -1),
#ifdef SYS_futimesat
	CALL(futimesat, NULL, 1),
#endif
#ifdef SYS_lchown
	CALL(lchown, NULL, 0),
#endif
	CALL(lsetxattr, NULL, 0),
#ifdef SYS_mknod
	CALL(mknod, NULL, 0),
#endif
	CALL(mknodat, NULL, 1),
	CALL(setpriority, NULL, -1),
#ifdef SYS_setrlimit
	CALL(setrlimit, NULL, -1),
#endif
	CALL(setxattr, NULL, 0),
#ifdef SYS_utime
	CALL(utime, NULL, 0),
#endif
	CALL(utimensat, NULL, 1),
#ifdef SYS_utimes
	CALL(utimes, NULL, 0),
#endif
};
/* clang-format on */

const char *
box_call_name(uint64_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if ((uint64_t)refused[i].number == number)
			return refused[i].name;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if ((uint64_t)calls[i].number == number)
			return calls[i].name;
	return "a system call";
}

/* Does it open a file to change it? */
static bool
is_change(int number, const uint64_t args[6])
{
	uint64_t flags = 0;

#ifdef SYS_open
	if (number == SYS_open)
		flags = args[1];
#endif
	if (number == SYS_openat)
		flags = args[2];
	return (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) != 0;
}

void
box_call_of(int number, const uint64_t args[6], struct box_call *out)
{
	*out = (struct box_call){ NULL, -1 };
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (refused[i].number != number)
			continue;
		out->grant = refused[i].grant;
		out->path_arg = refused[i].path_arg;
	}
	if (is_change(number, args))
		out->grant = WRITE;
	else if (number == SYS_socketpair
	    || (number == SYS_socket && args[0] == AF_UNIX))
		out->grant = NETWORK ": [unix]";
	else if (number == SYS_socket && args[0] != AF_INET
	    && args[0] != AF_INET6)
		out->grant = NULL;
}

/* Without a thread a program goes on as with too many of them. */
int
box_call_errno(int number)
{
	return number == SYS_clone ? EAGAIN : EACCES;
}

/* With zeros in front. */
static bool
number_read(struct str digits, uint64_t *number)
{
	while (digits.len > 1 && digits.ptr[0] == '0')
		digits = str_sub(digits, 1, digits.len);
	return str_to_u64(digits, number) == 0;
}

void
box_refused_name(struct str words, struct buf *out)
{
	const struct str mark = S(BOX_REFUSED_MARK);
	uint64_t number = 0;
	bool found = false;

	while (words.len > 0) {
		struct str line = str_split(words, '\n', &words);

		if (str_starts(line, mark))
			found = number_read(
			    str_sub(line, mark.len, line.len), &number);
	}
	if (!found)
		return;
	buf_printf(out, ": %s (%llu)", box_call_name(number),
	    (unsigned long long)number);
}
