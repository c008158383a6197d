/* SPDX-License-Identifier: Apache-2.0 */
/* The log sink.  A line is built on the stack and leaves by one write; when
 * the reader is slow the line is dropped and counted. */
#include "base/log.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/escape.h"

#define TAIL_MAX 16 /* room for the mark of a cut line and its end */

/* The one sink of the process (style: log may have static state). */
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
/* leaf; sink_lock guards the write, so that poll's answer stays true, and
 * the four below. */
static int sink_fd = -1;
static bool sink_is_socket;
static bool sink_torn; /* the last line went out in part */
static int64_t local_offset_ns;

/* Set once, before there are other threads. */
static void (*divert)(void *arg, enum log_level level, const char *event,
    const struct log_field *fields, size_t n);
static void *divert_arg;

/* Relaxed: settings and a count, nothing else is published through them. */
static _Atomic int sink_format = LOG_FORMAT_TEXT;
static _Atomic int sink_level = LOG_LEVEL_INFO;
static _Atomic uint64_t dropped_lines;

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
	bool full; /* the last append did not fit */
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static void
lock_in_child(void)
{
	/* Another thread of the parent may have held it. */
	(void)pthread_mutex_init(&sink_lock, NULL);
}

static void
watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, lock_in_child);
}

static int64_t
local_offset(void)
{
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		return 0;
	return (int64_t)tm.tm_gmtoff * NS_PER_S;
}

void
log_open(int fd, enum log_format format, enum log_level level)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int64_t offset = local_offset();
	struct stat st;

	CHECK(pthread_once(&once, watch_forks) == 0);
	CHECK(pthread_mutex_lock(&sink_lock) == 0);
	sink_fd = fd;
	sink_is_socket = fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	sink_torn = false;
	local_offset_ns = offset;
	CHECK(pthread_mutex_unlock(&sink_lock) == 0);
	atomic_store_explicit(&sink_format, (int)format, memory_order_relaxed);
	atomic_store_explicit(&sink_level, (int)level, memory_order_relaxed);
}

void
log_divert(void (*fn)(void *arg, enum log_level level, const char *event,
	       const struct log_field *fields, size_t n),
    void *arg)
{
	divert = fn;
	divert_arg = arg;
}

enum log_level
log_level_get(void)
{
	return (enum log_level)atomic_load_explicit(
	    &sink_level, memory_order_relaxed);
}

uint64_t
log_dropped(void)
{
	return atomic_load_explicit(&dropped_lines, memory_order_relaxed);
}

static void
add(struct line *l, const char *bytes, size_t len)
{
	if (l->full || len > sizeof l->text - TAIL_MAX - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

static void
add_cstr(struct line *l, const char *s)
{
	add(l, s, strlen(s));
}

static void
add_int(struct line *l, int64_t n)
{
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	char digits[20];
	size_t at = sizeof digits;

	if (n < 0)
		add_cstr(l, "-");
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left != 0);
	add(l, digits + at, sizeof digits - at);
}

static void
add_escaped(struct line *l, struct str s, enum escape_style style)
{
	char unit[ESCAPE_UNIT_MAX];
	size_t left = LOG_VALUE_MAX - 3;

	while (s.len > 0) {
		size_t len = escape_next(&s, style, unit);

		if (len > left) {
			add_cstr(l, "...");
			return;
		}
		add(l, unit, len);
		left -= len;
	}
}

static bool
is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return s.len > 0;
}

static void
add_value(struct line *l, const struct log_field *f, enum log_format format)
{
	bool json = format == LOG_FORMAT_JSON;

	if (f->type == LOG_FIELD_INT) {
		add_int(l, f->num);
		return;
	}
	if (!json && is_word(f->str)) {
		add_escaped(l, f->str, ESCAPE_PLAIN);
		return;
	}
	add_cstr(l, "\"");
	add_escaped(l, f->str, json ? ESCAPE_JSON : ESCAPE_QUOTED);
	add_cstr(l, "\"");
}

static void
add_field(struct line *l, const struct log_field *f, enum log_format format)
{
	size_t before = l->len;

	if (format == LOG_FORMAT_JSON) {
		add_cstr(l, ",\"");
		add_escaped(l, str_of(f->key), ESCAPE_JSON);
		add_cstr(l, "\":");
	} else {
		add_cstr(l, " ");
		add_escaped(l, str_of(f->key), ESCAPE_PLAIN);
		add_cstr(l, "=");
	}
	add_value(l, f, format);
	if (l->full)
		l->len = before;
}

static void
add_head(struct line *l, enum log_level level, const char *event,
    enum log_format format)
{
	int64_t wall = clock_wall_ns();
	char when[32];

	if (format == LOG_FORMAT_JSON) {
		clock_format_rfc3339(wall, when);
		add_cstr(l, "{\"ts\":\"");
		add_cstr(l, when);
		add_cstr(l, "\",\"level\":\"");
		add_cstr(l, level_names[level]);
		add_cstr(l, "\",\"event\":\"");
		add_escaped(l, str_of(event), ESCAPE_JSON);
		add_cstr(l, "\"");
		return;
	}
	clock_format_rfc3339(wall + local_offset_ns, when);
	add(l, when + 11, 12); /* 10:00:00.123 */
	add_cstr(l, " ");
	add_cstr(l, level_names[level]);
	add(l, "  ", 6 - strlen(level_names[level]));
	add_escaped(l, str_of(event), ESCAPE_PLAIN);
}

static void
add_tail(struct line *l, bool cut, enum log_format format)
{
	const char *tail = cut ? " cut=true\n" : "\n";

	if (format == LOG_FORMAT_JSON)
		tail = cut ? ",\"cut\":true}\n" : "}\n";
	memcpy(l->text + l->len, tail, strlen(tail));
	l->len += strlen(tail);
}

/* One system call that never waits.  False: nothing went out. */
static bool
send_line(const struct line *l)
{
	struct pollfd room = { .fd = sink_fd, .events = POLLOUT };
	ssize_t sent;

	if (sink_is_socket) {
		sent =
		    send(sink_fd, l->text, l->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		/* A pipe with room for a page takes a line whole, also when
		 * somebody made it blocking. */
		if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0)
			return false;
		sent = write(sink_fd, l->text, l->len);
	}
	if (sent <= 0)
		return false;
	sink_torn = (size_t)sent < l->len;
	return true;
}

void
log_write(enum log_level level, const char *event,
    const struct log_field *fields, size_t n)
{
	enum log_format format = (enum log_format)atomic_load_explicit(
	    &sink_format, memory_order_relaxed);
	int saved = errno;
	bool cut = false;
	struct line l;

	l.len = 0;
	CHECK(level >= LOG_LEVEL_DEBUG && level <= LOG_LEVEL_ERROR);
	if (divert != NULL) {
		divert(divert_arg, level, event, fields, n);
		errno = saved;
		return;
	}
	CHECK(pthread_mutex_lock(&sink_lock) == 0);
	if (sink_fd < 0)
		goto out;
	l.full = false;
	if (sink_torn)
		add_cstr(&l, "\n"); /* the end that the last line lacks */
	add_head(&l, level, event, format);
	for (size_t i = 0; i < n; i++) {
		l.full = false;
		add_field(&l, &fields[i], format);
		cut = cut || l.full;
	}
	add_tail(&l, cut, format);
	if (!send_line(&l))
		atomic_fetch_add_explicit(
		    &dropped_lines, 1, memory_order_relaxed);
out:
	CHECK(pthread_mutex_unlock(&sink_lock) == 0);
	errno = saved;
}

int
log_gate_pass(struct log_gate *gate, int64_t period_ns, uint64_t *suppressed)
{
	int64_t now = clock_now_ns();
	int64_t next =
	    atomic_load_explicit(&gate->next_ns, memory_order_relaxed);

	/* Relaxed: a counter and a time, no data behind them. */
	if (now < next
	    || !atomic_compare_exchange_strong_explicit(&gate->next_ns, &next,
		now + period_ns, memory_order_relaxed, memory_order_relaxed)) {
		atomic_fetch_add_explicit(
		    &gate->suppressed, 1, memory_order_relaxed);
		return 0;
	}
	*suppressed = atomic_exchange_explicit(
	    &gate->suppressed, 0, memory_order_relaxed);
	return 1;
}
