/* SPDX-License-Identifier: Apache-2.0 */
/* What a load run has found, for people and for programs. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "base/buf.h"
#include "bench/bench.h"

/* [any] A table. */
void cli_bench_table(struct buf *out, const struct bench_options *o,
    const struct bench_result *r);
/* [any] One JSON object. */
void cli_bench_json(struct buf *out, const struct bench_options *o,
    const struct bench_result *r);
/* [any] "3 wrong answers (status 2, id 1); the first: .." */
void cli_bench_refusal(struct buf *out, const struct bench_result *r);

#endif
