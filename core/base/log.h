/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines are events with fields.  One sink per process; a line is written
 * by one write(2), never blocks a reactor (a full pipe drops and counts), and
 * is one line whatever a peer sent: values are escaped and cut. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* error: somebody must act; warn: somebody should know; info: a change of
 * state; debug: for us. */
enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_field_type { LOG_FIELD_STR, LOG_FIELD_INT };

struct log_field {
	const char *key;
	enum log_field_type type;
	struct str str;
	int64_t num;
};

/* Starts the sink on fd (borrowed); text lines carry local time by the offset
 * of this moment.  Before that, and with fd -1: silence. */
void log_open(int fd, enum log_format format, enum log_level level);
enum log_level log_level_get(void);
/* Before there are other threads: lines go to fn, on the thread that writes
 * them, in place of the sink; log_open() still says the level. */
void log_divert(void (*fn)(void *arg, enum log_level level, const char *event,
		    const struct log_field *fields, size_t n),
    void *arg);
/* Lines that could not be written since the start. */
uint64_t log_dropped(void);

#define LOG_LINE_MAX 4096 /* PIPE_BUF: such a write is whole or nothing */
#define LOG_VALUE_MAX 1024 /* of one value, after escaping */

/* [any] Fields that do not fit in the line are left out; cut=true says so. */
void log_write(enum log_level level, const char *event,
    const struct log_field *fields, size_t n);

#define F_STR(key_, str_) ((struct log_field){ key_, LOG_FIELD_STR, str_, 0 })
#define F_CSTR(key_, c_) F_STR(key_, str_of(c_))
#define F_INT(key_, n_) \
	((struct log_field){ key_, LOG_FIELD_INT, { NULL, 0 }, (int64_t)(n_) })

/* Event names are constant words: LOG_WARN("plugin refused", F_STR(...)). */
#define LOG_AT(level_, ...) LOG_FIELDS_(level_, __VA_ARGS__, F_INT(NULL, 0))
/* The last field only keeps the list from being empty. */
#define LOG_FIELDS_(level_, event_, ...) \
	do { \
		if ((level_) >= log_level_get()) { \
			const struct log_field fields_[] = { __VA_ARGS__ }; \
			log_write((level_), (event_), fields_, \
			    sizeof fields_ / sizeof fields_[0] - 1); \
		} \
	} while (0)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* For floods: at most one line per period; gate is a static of the caller.
 * Returns nonzero when the line may go out; *suppressed gets how many did
 * not since the last. */
struct log_gate {
	_Atomic int64_t next_ns;
	_Atomic uint64_t suppressed;
};
int log_gate_pass(
    struct log_gate *gate, int64_t period_ns, uint64_t *suppressed);

#endif
