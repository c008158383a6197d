/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls a runner may make once its plugin is loaded: a list of
 * those it may, EACCES for what a plugin tries in good faith, the end of the
 * process for the rest. */
#define _GNU_SOURCE
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <sys/ioctl.h>

#include "plugin/box.h"

/* Newer than the headers of some systems: names for areas of memory. */
#define SET_VMA 0x53564d41
#define DOMAINS_MAX AF_INET6 /* the last that can be granted */
/* The end of the process, which says of what (on_refused).  A sanitizer holds
 * signals back. */
#define DEADLY (BOX_SANITIZED ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_TRAP)
/* Of libseccomp: a listener, and all threads at once. */
#define API_NOTIFY_ALL 6
#define TYPE_MASK 0xf /* a socket's type without its flags */

/* Memory, time, signals of its own, descriptors that it has. */
static const int plain[] = {
	SCMP_SYS(alarm),
	SCMP_SYS(brk),
	SCMP_SYS(chdir),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fadvise64),
	SCMP_SYS(fallocate),
	SCMP_SYS(fchdir),
	SCMP_SYS(fcntl),
	SCMP_SYS(fdatasync),
	SCMP_SYS(flock),
	SCMP_SYS(fstat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(fsync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(futex),
	SCMP_SYS(get_robust_list),
	SCMP_SYS(getcpu),
	SCMP_SYS(getcwd),
	SCMP_SYS(getegid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getgroups),
	SCMP_SYS(getitimer),
	SCMP_SYS(getpeername),
	SCMP_SYS(getpgid),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getpriority),
	SCMP_SYS(getrandom),
	SCMP_SYS(getresgid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage),
	SCMP_SYS(getsid),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getuid),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(membarrier),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mincore),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(mremap),
	SCMP_SYS(msync),
	SCMP_SYS(munlock),
	SCMP_SYS(munmap),
	SCMP_SYS(nanosleep),
	SCMP_SYS(pause),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(pselect6),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_yield),
	SCMP_SYS(select),
	SCMP_SYS(sendfile),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(setitimer),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sysinfo),
	SCMP_SYS(time),
	SCMP_SYS(timer_create),
	SCMP_SYS(timer_delete),
	SCMP_SYS(timer_getoverrun),
	SCMP_SYS(timer_gettime),
	SCMP_SYS(timer_settime),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(times),
	SCMP_SYS(umask),
	SCMP_SYS(uname),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

/* By their names; Landlock decides where something is granted. */
static const int paths[] = {
	SCMP_SYS(access),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(creat),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(getdents),
	SCMP_SYS(getdents64),
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(lstat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(rmdir),
	SCMP_SYS(stat),
	SCMP_SYS(statfs),
	SCMP_SYS(statx),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(truncate),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
};

/* Of sockets that this process has made. */
static const int sockets[] = {
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(listen),
};

/* Landlock does not know of these: nobody has them. */
static const int refused[] = {
	SCMP_SYS(chmod),
	SCMP_SYS(chown),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(fsetxattr),
	SCMP_SYS(futimesat),
	SCMP_SYS(lchown),
	SCMP_SYS(lsetxattr),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(setpriority),
	SCMP_SYS(setrlimit),
	SCMP_SYS(setxattr),
	SCMP_SYS(utime),
	SCMP_SYS(utimensat),
	SCMP_SYS(utimes),
};

/* In a filter that allows what it does not name. */
static const int deadly[] = {
	SCMP_SYS(add_key),
	SCMP_SYS(bpf),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(keyctl),
	SCMP_SYS(mount),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(pivot_root),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(ptrace),
	SCMP_SYS(request_key),
	SCMP_SYS(setns),
	SCMP_SYS(umount2),
	SCMP_SYS(unshare),
	SCMP_SYS(userfaultfd),
};

static const int programs[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
};

#define LEN(list_) (sizeof(list_) / sizeof(list_)[0])

/* One filter being built. */
struct filter {
	scmp_filter_ctx ctx;
	const struct box *box;
	uint32_t refuse; /* tells the host, where the kernel can */
	uint32_t refuse_thread;
	int rc; /* the first error, negative errno */
};

static void
rule(struct filter *f, uint32_t action, int call, unsigned n,
    const struct scmp_arg_cmp *args)
{
	int rc = 0;

	/* Negative: this machine has no such call. */
	if (f->rc == 0 && call >= 0)
		rc = seccomp_rule_add_array(f->ctx, action, call, n, args);
	/* EACCES: the filter does it without a rule. */
	if (f->rc == 0 && rc < 0 && rc != -EACCES)
		f->rc = rc;
}

static void
rules(struct filter *f, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rule(f, action, calls[i], 0, NULL);
}

static void
rule_equal(
    struct filter *f, uint32_t action, int call, unsigned arg, uint64_t value)
{
	struct scmp_arg_cmp cmp = SCMP_CMP64(arg, SCMP_CMP_EQ, value, 0);

	rule(f, action, call, 1, &cmp);
}

static void
rule_masked(struct filter *f, uint32_t action, int call, unsigned arg,
    uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp cmp =
	    SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value);

	rule(f, action, call, 1, &cmp);
}

/* An internet socket of each type. */
static void
rules_internet(struct filter *f, int domain)
{
	bool tcp = (f->box->flags & BOX_TCP) != 0;
	bool udp = (f->box->flags & BOX_NAMES) != 0;

	for (unsigned type = 0; type <= TYPE_MASK; type++) {
		struct scmp_arg_cmp cmp[] = {
			SCMP_CMP64(0, SCMP_CMP_EQ, (uint64_t)domain, 0),
			SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, TYPE_MASK, type),
		};
		bool ok =
		    (tcp && type == SOCK_STREAM) || (udp && type == SOCK_DGRAM);

		rule(f, ok ? SCMP_ACT_ALLOW : f->refuse, SCMP_SYS(socket), 2,
		    cmp);
	}
}

/* One that is connected reaches nobody else; a datagram one would. */
static void
rules_pair(struct filter *f)
{
	bool any = (f->box->flags & BOX_UNIX) != 0;

	for (unsigned type = 0; type <= TYPE_MASK; type++)
		rule_masked(f,
		    any || type == SOCK_STREAM || type == SOCK_SEQPACKET
			? SCMP_ACT_ALLOW
			: f->refuse,
		    SCMP_SYS(socketpair), 1, TYPE_MASK, type);
}

/* Every value has its rule: the default would kill. */
static void
rules_socket(struct filter *f)
{
	struct scmp_arg_cmp beyond = SCMP_CMP64(0, SCMP_CMP_GT, DOMAINS_MAX, 0);

	rules_pair(f);
	if ((f->box->flags & (BOX_UNIX | BOX_TCP | BOX_NAMES)) == 0) {
		rule(f, f->refuse, SCMP_SYS(socket), 0, NULL);
		rules(f, f->refuse, sockets, LEN(sockets));
		return;
	}
	rules(f, SCMP_ACT_ALLOW, sockets, LEN(sockets));
	for (int domain = 0; domain <= DOMAINS_MAX; domain++) {
		if (domain == AF_INET || domain == AF_INET6)
			rules_internet(f, domain);
		else
			rule_equal(f,
			    domain == AF_UNIX && (f->box->flags & BOX_UNIX) != 0
				? SCMP_ACT_ALLOW
				: f->refuse,
			    SCMP_SYS(socket), 0, (uint64_t)domain);
	}
	rule(f, f->refuse, SCMP_SYS(socket), 1, &beyond);
}

/* With arguments: what names this process, and no code that is new. */
static void
rules_own(struct filter *f)
{
	static const uint64_t terminal[] = { TCGETS, TIOCGWINSZ, FIONREAD,
		FIONBIO, FIOCLEX, FIONCLEX };
	static const uint64_t names[] = { PR_SET_NAME, PR_GET_NAME, SET_VMA,
		PR_GET_DUMPABLE, PR_GET_PDEATHSIG };
	uint64_t self = (uint64_t)getpid();

	struct scmp_arg_cmp other_signal =
	    SCMP_CMP64(0, SCMP_CMP_NE, SIGSYS, 0);

	rule(f, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1, &other_signal);
	rule_equal(
	    f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(rt_sigaction), 0, SIGSYS);
	rule_equal(f, SCMP_ACT_ALLOW, SCMP_SYS(kill), 0, self);
	rule_equal(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0, self);
	rule_equal(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 0, 0);
	rule_equal(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 0, self);
	rule_masked(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	rule_masked(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	for (size_t i = 0; i < LEN(terminal); i++)
		rule_equal(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, terminal[i]);
	for (size_t i = 0; i < LEN(names); i++)
		rule_equal(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0, names[i]);
}

/* A thread is no process; clone3 hides its flags, and libc does without. */
static void
rules_threads(struct filter *f)
{
	rule(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
	rule_masked(f,
	    (f->box->flags & BOX_THREADS) != 0 ? SCMP_ACT_ALLOW
					       : f->refuse_thread,
	    SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
}

static void
rules_tight(struct filter *f)
{
	uint32_t path = box_opens(f->box->flags, f->box->paths_len)
	    ? SCMP_ACT_ALLOW
	    : f->refuse;

	rules(f, SCMP_ACT_ALLOW, plain, LEN(plain));
	rules(f, path, paths, LEN(paths));
	/* The C library's fstat() is one of these. */
	rule(f, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 0, NULL);
	rules(f, f->refuse, refused, LEN(refused));
	rules_own(f);
	rules_threads(f);
}

/* For programs that a grant of exec starts, and for sanitizers. */
static void
rules_wide(struct filter *f)
{
	struct scmp_arg_cmp other =
	    SCMP_CMP64(0, SCMP_CMP_NE, (uint64_t)getpid(), 0);

	rules(f, f->refuse, refused, LEN(refused));
	if (!BOX_SANITIZED)
		rule_equal(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(rt_sigaction), 0,
		    SIGSYS);
	rules(f, DEADLY, deadly, LEN(deadly));
	/* Nobody answers for the host. */
	rule_equal(f, DEADLY, SCMP_SYS(ioctl), 1, SECCOMP_IOCTL_NOTIF_RECV);
	rule_equal(f, DEADLY, SCMP_SYS(ioctl), 1, SECCOMP_IOCTL_NOTIF_SEND);
	rule_equal(f, DEADLY, SCMP_SYS(ioctl), 1, SECCOMP_IOCTL_NOTIF_ADDFD);
	if ((f->box->flags & BOX_EXEC) != 0)
		return;
	rule(f, DEADLY, SCMP_SYS(kill), 1, &other);
	rule(f, DEADLY, SCMP_SYS(tgkill), 1, &other);
	rules(f, DEADLY, programs, LEN(programs));
	rule(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
	rule_masked(f, DEADLY, SCMP_SYS(clone), 0, CLONE_THREAD, 0);
	rule_masked(f, DEADLY, SCMP_SYS(mmap), 2, PROT_EXEC, PROT_EXEC);
	rule_masked(f, DEADLY, SCMP_SYS(mprotect), 2, PROT_EXEC, PROT_EXEC);
}

/* The call was not made.  The signal is raised once more, with its default
 * action: the process ends when this returns. */
static void
on_refused(int sig, siginfo_t *info, void *context)
{
	char text[] = BOX_REFUSED_MARK "0000\n";
	char *digit = text + sizeof text - 3;

	(void)context;
	for (int n = info->si_syscall; n > 0 && *digit == '0'; n /= 10)
		*digit-- += (char)(n % 10);
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		text[0] = '\0'; /* nobody hears it */
	(void)raise(sig);
}

/* What the plugin may have set while it was loaded is gone; the filter keeps
 * this one. */
static void
refusals_tell(void)
{
	struct sigaction action = { .sa_sigaction = on_refused,
		.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND) };
	sigset_t unblocked;

	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&unblocked);
	(void)sigaddset(&unblocked, SIGSYS);
	(void)sigaction(SIGSYS, &action, NULL);
	(void)pthread_sigmask(SIG_UNBLOCK, &unblocked, NULL);
}

/* The rules, loaded; a negative errno. */
static int
filter_load(struct box *b, bool tells, int *listener)
{
	bool wide = BOX_SANITIZED || (b->flags & BOX_EXEC) != 0;
	struct filter f = { .box = b,
		.refuse = tells ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EACCES),
		.refuse_thread =
		    tells ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EAGAIN) };

	f.ctx = seccomp_init(wide ? SCMP_ACT_ALLOW : DEADLY);
	if (f.ctx == NULL)
		return -ENOMEM;
	/* For all threads; calls of another machine's kind are none. */
	f.rc = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (f.rc == 0)
		f.rc = seccomp_attr_set(
		    f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (wide)
		rules_wide(&f);
	else
		rules_tight(&f);
	rules_socket(&f);
	if (f.rc == 0)
		f.rc = seccomp_load(f.ctx);
	if (f.rc == 0 && tells)
		*listener = seccomp_notify_fd(f.ctx);
	seccomp_release(f.ctx);
	return f.rc;
}

int
box_calls_close(struct box *b, int *listener, struct err *err)
{
	int rc = -EOPNOTSUPP;

	*listener = -1;
	refusals_tell();
	if (seccomp_api_get() >= API_NOTIFY_ALL)
		rc = filter_load(b, true, listener);
	/* An older kernel, or somebody around us listens already. */
	if (rc < 0)
		rc = filter_load(b, false, listener);
	if (rc == -ENOMEM)
		return err_set(err, ERR_NOMEM, "out of memory for a sandbox");
	return rc < 0 ? box_lacks(b, err, "seccomp") : 0;
}
