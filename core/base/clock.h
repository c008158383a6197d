/* SPDX-License-Identifier: Apache-2.0 */
/* Time.  Durations and deadlines are int64_t nanoseconds on the monotonic
 * clock; wall time appears only in logs, tokens and HTTP dates. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* [any] CLOCK_MONOTONIC, or the test clock where a test has set one. */
int64_t clock_now_ns(void);
/* [any] The same as of the last tick of the kernel: up to 10 ms late, and
 * cheaper. */
int64_t clock_coarse_ns(void);
/* [any] CLOCK_REALTIME, nanoseconds since 1970. */
int64_t clock_wall_ns(void);
/* Tests only: fixes the monotonic clock; negative gives it back. */
void clock_test_set(int64_t ns);
void clock_test_advance(int64_t ns);
/* "2026-07-28T10:00:00.123456Z"; out has at least 32 bytes. */
void clock_format_rfc3339(int64_t wall_ns, char *out);
/* "Tue, 28 Jul 2026 10:00:00 GMT" (RFC 9110 5.6.7); out has 32 bytes. */
void clock_format_http(int64_t wall_ns, char *out);

#endif
