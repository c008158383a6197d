/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies in buckets that grow with the value: 64 a power of two, so that
 * a quantile is at most 1.6 % above the true one. One thread. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_SUB_BITS 6
#define BENCH_HISTOGRAM_SUB (1u << BENCH_HISTOGRAM_SUB_BITS)
#define BENCH_HISTOGRAM_BUCKETS \
	((64u - BENCH_HISTOGRAM_SUB_BITS + 1u) * BENCH_HISTOGRAM_SUB)

struct bench_histogram {
	uint64_t count;
	uint64_t max_ns;
	uint32_t bucket[BENCH_HISTOGRAM_BUCKETS];
};

/* [any] Counts one latency. */
void bench_histogram_put(struct bench_histogram *h, int64_t ns);
/* [any] All of another. */
void bench_histogram_add(
    struct bench_histogram *h, const struct bench_histogram *more);
/* [any] The latency in microseconds that the share q of all values does not
 * pass. */
double bench_histogram_us(const struct bench_histogram *h, double q);

#endif
