/* SPDX-License-Identifier: Apache-2.0 */
/* One family of error codes for every folder, and one line for a human. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_code {
	ERR_NOMEM = -1,
	ERR_SYNTAX = -2, /* bytes do not follow the grammar */
	ERR_LIMIT = -3, /* a documented bound was passed */
	ERR_NOTFOUND = -4,
	ERR_EXISTS = -5,
	ERR_DENIED = -6,
	ERR_STATE = -7, /* right call at the wrong time */
	ERR_CONFIG = -8, /* configuration or manifest is wrong */
	ERR_VERSION = -9, /* ABI or protocol mismatch */
	ERR_IO = -10, /* the system said no; text has strerror */
	ERR_TIMEOUT = -11,
	ERR_CANCELLED = -12,
	ERR_BUSY = -13, /* a queue is full: refuse, do not wait */
	ERR_CLOSED = -14,
	ERR_AGAIN = -15,
	ERR_UNSUPPORTED = -16,
	ERR_PARAMS = -17,
	ERR_INTERNAL = -18
};

#define ERR_TEXT_MAX 1024

/* Filled where the cause is known; text is one line, no trailing newline. */
struct err {
	int code;
	char text[ERR_TEXT_MAX];
};

/* Sets code and text (cut at the end) and returns code; err may be NULL. */
__attribute__((format(printf, 3, 4))) int err_set(
    struct err *err, int code, const char *fmt, ...);
/* err_set with ": strerror(errnum)" behind the text. */
__attribute__((format(printf, 4, 5))) int err_set_errno(
    struct err *err, int code, int errnum, const char *fmt, ...);
/* The name of a code for logs: "not found". */
const char *err_name(int code);

#endif
