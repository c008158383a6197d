/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics there are, in one table, and the text format that scrapers
 * read.  Values are counted where things happen (observe/counter.h, or a count
 * that was there anyway) and written when somebody asks. */
#ifndef OBSERVE_METRICS_H
#define OBSERVE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

#define METRICS_LABELS_MAX 3
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_id {
	METRICS_BUILD_INFO,
	METRICS_READY,
	METRICS_REACTORS,
	METRICS_REACTORS_TURNING,
	METRICS_CONNECTIONS,
	METRICS_STREAMS,
	METRICS_SESSIONS,
	METRICS_CALLS_INFLIGHT,
	METRICS_LOG_DROPPED,
	METRICS_PLUGIN_UP,
	METRICS_PLUGIN_STATE,
	METRICS_PLUGIN_GENERATION,
	METRICS_PLUGIN_RESIDENT,
	METRICS_PLUGIN_DRAINING,
	METRICS_PLUGIN_INFLIGHT,
	METRICS_PLUGIN_CALLS,
	METRICS_PLUGIN_BREAKER,
	METRICS_PLUGIN_RUNNERS,
	METRICS_PLUGIN_RUNNER,
	METRICS_PLUGIN_RESTARTS,
	METRICS_PLUGIN_QUARANTINES,
	METRICS_PLUGIN_REFUSED,
	METRICS_PLUGIN_RELOADS,
	METRICS_RELOAD_TIME,
	METRICS_PROCESS_CPU,
	METRICS_PROCESS_RESIDENT,
	METRICS_PROCESS_VIRTUAL,
	METRICS_PROCESS_FDS,
	METRICS_PROCESS_FDS_MAX,
	METRICS_PROCESS_START,
	METRICS_COUNT
};

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

struct metrics_family {
	const char *name;
	enum metrics_type type;
	const char *labels[METRICS_LABELS_MAX + 1]; /* NULL ends them */
	const char *help; /* one sentence, also of the manual */
};

extern const struct metrics_family metrics_families[METRICS_COUNT];

/* [any] HELP and TYPE; its samples follow. */
void metrics_begin(struct buf *out, enum metrics_id id);
/* [any] One sample with a value for each label of its family. */
void metrics_count(
    struct buf *out, enum metrics_id id, const struct str *values, uint64_t n);
/* [any] The same in seconds. */
void metrics_seconds(
    struct buf *out, enum metrics_id id, const struct str *values, int64_t ns);
/* [any] A family of one sample without labels. */
void metrics_single(struct buf *out, enum metrics_id id, uint64_t n);

#endif
