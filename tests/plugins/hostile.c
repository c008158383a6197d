/* SPDX-License-Identifier: Apache-2.0 */
/* One tool for each way in which a plugin can hurt whoever runs it
 * (reliability.md, R-11).  Never load it into a server that matters. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <toolpost/plugin.h>

/* The runner's descriptors, as a plugin could guess them. */
#define FIRST_CHANNEL 4
#define LAST_CHANNEL 8
#define MANY 1000

static int
whole(struct tp_call *call, void *state)
{
	char text[32];

	(void)state;
	(void)snprintf(text, sizeof text, "%d", (int)getpid());
	return tp_text(call, tp_cstr(text));
}

static int
segv(struct tp_call *call, void *state)
{
	volatile int *nowhere = (int *)(uintptr_t)8;

	(void)call;
	(void)state;
	(void)fprintf(stderr, "about to read from nowhere\n");
	return *nowhere;
}

static int
double_free(struct tp_call *call, void *state)
{
	void *volatile p = malloc(64);
	void *volatile q = p;

	(void)call;
	(void)state;
	free(p);
	free(q);
	abort(); /* where the allocator does not see it */
}

static int
aborts(struct tp_call *call, void *state)
{
	(void)call;
	(void)state;
	abort();
}

static int
exits(struct tp_call *call, void *state)
{
	(void)call;
	(void)state;
	exit(3);
}

static int
deeper(volatile char *before)
{
	volatile char room[4096];

	room[0] = before[0];
	return deeper(room) + room[0];
}

static int
stack(struct tp_call *call, void *state)
{
	volatile char start[1] = { 1 };

	(void)call;
	(void)state;
	return deeper(start);
}

static int
loops(struct tp_call *call, void *state)
{
	volatile unsigned turns = 0;

	(void)call;
	(void)state;
	(void)fprintf(stderr, "looping\n");
	for (;;)
		turns++;
}

static int
deadlock(struct tp_call *call, void *state)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	(void)call;
	(void)state;
	(void)pthread_mutex_lock(&lock);
	(void)pthread_mutex_lock(&lock);
	return TP_OK;
}

/* 10 GB, every page of it touched. */
static int
memory(struct tp_call *call, void *state)
{
	size_t step = (size_t)64 * 1024 * 1024;

	(void)state;
	for (int i = 0; i < 160; i++) {
		char *p = malloc(step);

		if (p == NULL)
			return call->host->fail(
			    call, TP_ENOMEM, tp_cstr("no more memory"));
		memset(p, 1, step);
	}
	return tp_text(call, tp_cstr("10 GB"));
}

static int
forks(struct tp_call *call, void *state)
{
	int born = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				(void)pause();
		born += pid > 0;
	}
	return tp_text(call, tp_cstr(born > 0 ? "born" : "none"));
}

static int
descriptors(struct tp_call *call, void *state)
{
	(void)state;
	for (int i = 0; i < 100 * MANY; i++)
		if (dup(2) < 0)
			break;
	return tp_text(call, tp_cstr("all taken"));
}

static int
noise(struct tp_call *call, void *state)
{
	(void)state;
	for (int i = 0; i < 100 * MANY; i++)
		(void)printf(
		    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":%d}\n", i);
	(void)fflush(stdout);
	return tp_text(call, tp_cstr("said"));
}

/* Bytes that the host did not ask for, on every channel. */
static void
inject(const void *bytes, size_t len)
{
	for (int fd = FIRST_CHANNEL; fd < LAST_CHANNEL; fd++)
		(void)send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int
wrong_frame(struct tp_call *call, void *state)
{
	(void)call;
	(void)state;
	inject("this is no frame of any kind", 28);
	(void)pause();
	return TP_OK;
}

struct head {
	uint16_t magic;
	uint8_t version;
	uint8_t kind;
	uint32_t len;
	uint64_t id;
};

static int
wrong_id(struct tp_call *call, void *state)
{
	const struct head head = { 0x5054, 1, 13, 0, 0xdeadbeef };

	(void)call;
	(void)state;
	inject(&head, sizeof head);
	(void)pause();
	return TP_OK;
}

/* A large body in a file that can still change. */
static int
unsealed(struct tp_call *call, void *state)
{
	const struct head head = { 0x5054, 1, 13, 1 << 20, 1 };
	int file = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct iovec iov = { (void *)(uintptr_t)&head, sizeof head };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	(void)call;
	(void)state;
	memset(&control, 0, sizeof control);
	msg.msg_control = control.space;
	msg.msg_controllen = sizeof control.space;
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof file);
	memcpy(CMSG_DATA(c), &file, sizeof file);
	if (file >= 0 && ftruncate(file, 1 << 20) == 0)
		for (int fd = FIRST_CHANNEL; fd < LAST_CHANNEL; fd++)
			(void)sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)pause();
	return TP_OK;
}

static int
big(struct tp_call *call, void *state)
{
	size_t len = (size_t)1024 * 1024;
	char *text = malloc(len);
	int rc = TP_OK;

	(void)state;
	if (text == NULL)
		return TP_ENOMEM;
	memset(text, 'x', len);
	for (int i = 0; i < 100 && rc == TP_OK; i++)
		rc = tp_text(call, (struct tp_str){ text, len });
	free(text);
	return rc;
}

static void
ignore(int signo)
{
	(void)signo;
}

static int
signals(struct tp_call *call, void *state)
{
	sigset_t all;

	(void)state;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, ignore);
	return tp_text(call, tp_cstr("deaf"));
}

static int
surroundings(struct tp_call *call, void *state)
{
	(void)state;
	if (chdir("/") == 0)
		(void)umask(0777);
	(void)setlocale(LC_ALL, "tr_TR.UTF-8");
	(void)setenv("PATH", "/nowhere", 1);
	return tp_text(call, tp_cstr("moved"));
}

static int
closes(struct tp_call *call, void *state)
{
	(void)state;
	for (int fd = 0; fd < 1024; fd++)
		(void)close(fd);
	return tp_text(call, tp_cstr("closed"));
}

static int
stops(struct tp_call *call, void *state)
{
	(void)state;
	(void)kill(getpid(), SIGSTOP);
	return tp_text(call, tp_cstr("went on"));
}

static int
done_twice(struct tp_call *call, void *state)
{
	(void)state;
	call->host->done(call, TP_OK);
	call->host->done(call, TP_OK);
	return TP_PENDING;
}

/* What the system said, for a test to compare. */
static int
say_errno(struct tp_call *call, int failed)
{
	return tp_text(call, tp_cstr(failed ? strerror(errno) : "done"));
}

static struct tp_str
argument(struct tp_call *call, const char *key)
{
	const struct tp_host *h = call->host;

	return h->json_str(h->json_get(h->args(call), key));
}

static int
opens(struct tp_call *call, void *state)
{
	struct tp_str path = argument(call, "path");
	struct tp_str how = argument(call, "how");
	char text[512];
	int fd;

	(void)state;
	(void)snprintf(text, sizeof text, "%.*s", TP_FMT(path));
	fd = open(text,
	    how.len > 0 ? O_WRONLY | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC,
	    0600);
	if (fd >= 0 && how.len > 0)
		(void)!write(fd, "x", 1);
	return say_errno(call, fd < 0);
}

/* Asks for what it cannot have, again and again. */
static int
asks(struct tp_call *call, void *state)
{
	int denied = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		denied +=
		    socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EACCES;
	return say_errno(call, denied == 1000);
}

static int
connects(struct tp_call *call, void *state)
{
	struct tp_str port = argument(call, "port");
	struct sockaddr_in a = { .sin_family = AF_INET };
	char text[16];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)snprintf(text, sizeof text, "%.*s", TP_FMT(port));
	a.sin_port = htons((uint16_t)strtoul(text, NULL, 10));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return say_errno(
	    call, fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0);
}

/* A datagram socket by a way around socket(). */
static int
pairs(struct tp_call *call, void *state)
{
	int fds[2];

	(void)state;
	return say_errno(call, socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0);
}

static int
programs(struct tp_call *call, void *state)
{
	char *const argv[] = { "/bin/true", NULL };
	int status = 0;
	pid_t pid = argument(call, "how").len > 0 ? fork() : 0;

	(void)state;
	if (pid == 0) {
		(void)execv(argv[0], argv);
		_exit(9);
	}
	(void)waitpid(pid, &status, 0);
	return tp_text(
	    call, tp_cstr(pid > 0 && status == 0 ? "ran" : "did not run"));
}

static int
traces(struct tp_call *call, void *state)
{
	(void)state;
	return say_errno(call, ptrace(PTRACE_ATTACH, getppid(), 0, 0) < 0);
}

static int
kills(struct tp_call *call, void *state)
{
	(void)state;
	return say_errno(call, kill(getppid(), SIGKILL) < 0);
}

static int
maps(struct tp_call *call, void *state)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	return say_errno(call, p == MAP_FAILED);
}

/* Code from data: the other way. */
static int
protects(struct tp_call *call, void *state)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	return say_errno(call, mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0);
}

static void *
idle(void *arg)
{
	return arg;
}

static int
threads(struct tp_call *call, void *state)
{
	pthread_t thread;

	(void)state;
	errno = pthread_create(&thread, NULL, idle, NULL);
	if (errno == 0)
		(void)pthread_join(thread, NULL);
	return say_errno(call, errno != 0);
}

static int
grows(struct tp_call *call, void *state)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC);

	(void)state;
	return say_errno(call, ftruncate(fd, (off_t)4 << 30) < 0);
}

static int
unlimits(struct tp_call *call, void *state)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	(void)state;
	return say_errno(call, setrlimit(RLIMIT_AS, &r) < 0);
}

static const struct tp_entry entries[] = {
	TP_TOOL("hostile_none", whole),
	TP_TOOL("hostile_segv", segv),
	TP_TOOL("hostile_double_free", double_free),
	TP_TOOL("hostile_abort", aborts),
	TP_TOOL("hostile_exit", exits),
	TP_TOOL("hostile_stack", stack),
	TP_TOOL("hostile_loop", loops),
	TP_TOOL("hostile_endless", loops),
	TP_TOOL("hostile_deadlock", deadlock),
	TP_TOOL("hostile_memory", memory),
	TP_TOOL("hostile_fork", forks),
	TP_TOOL("hostile_descriptors", descriptors),
	TP_TOOL("hostile_noise", noise),
	TP_TOOL("hostile_wrong_frame", wrong_frame),
	TP_TOOL("hostile_wrong_id", wrong_id),
	TP_TOOL("hostile_unsealed", unsealed),
	TP_TOOL("hostile_big", big),
	TP_TOOL("hostile_signals", signals),
	TP_TOOL("hostile_surroundings", surroundings),
	TP_TOOL("hostile_close", closes),
	TP_TOOL("hostile_stop", stops),
	TP_TOOL("hostile_done_twice", done_twice),
	TP_TOOL("hostile_open", opens),
	TP_TOOL("hostile_ask", asks),
	TP_TOOL("hostile_connect", connects),
	TP_TOOL("hostile_pair", pairs),
	TP_TOOL("hostile_exec", programs),
	TP_TOOL("hostile_ptrace", traces),
	TP_TOOL("hostile_kill", kills),
	TP_TOOL("hostile_map", maps),
	TP_TOOL("hostile_protect", protects),
	TP_TOOL("hostile_thread", threads),
	TP_TOOL("hostile_grow", grows),
	TP_TOOL("hostile_unlimit", unlimits),
};

TP_PLUGIN("hostile", "1.0.0", entries);
