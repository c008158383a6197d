/* SPDX-License-Identifier: Apache-2.0 */
/* Log-linear buckets: the top set bit picks the group, the next six bits
 * the bucket inside it. */
#include "bench/histogram.h"

static unsigned
bucket_of(uint64_t v)
{
	unsigned shift;

	if (v < BENCH_HISTOGRAM_SUB)
		return (unsigned)v;
	shift = 63u - (unsigned)__builtin_clzll(v) - BENCH_HISTOGRAM_SUB_BITS;
	return (shift + 1) * BENCH_HISTOGRAM_SUB
	    + (unsigned)((v >> shift) - BENCH_HISTOGRAM_SUB);
}

static uint64_t
bucket_top(unsigned b)
{
	unsigned shift;

	if (b < BENCH_HISTOGRAM_SUB)
		return b;
	shift = b / BENCH_HISTOGRAM_SUB - 1;
	return (((uint64_t)(b % BENCH_HISTOGRAM_SUB) + BENCH_HISTOGRAM_SUB + 1)
		   << shift)
	    - 1;
}

void
bench_histogram_put(struct bench_histogram *h, int64_t ns)
{
	uint64_t v = ns > 0 ? (uint64_t)ns : 0;

	h->bucket[bucket_of(v)]++;
	h->count++;
	if (v > h->max_ns)
		h->max_ns = v;
}

void
bench_histogram_add(
    struct bench_histogram *h, const struct bench_histogram *more)
{
	unsigned b;

	for (b = 0; b < BENCH_HISTOGRAM_BUCKETS; b++)
		h->bucket[b] += more->bucket[b];
	h->count += more->count;
	if (more->max_ns > h->max_ns)
		h->max_ns = more->max_ns;
}

double
bench_histogram_us(const struct bench_histogram *h, double q)
{
	uint64_t want = (uint64_t)((double)h->count * q);
	uint64_t seen = 0;
	uint64_t top;
	unsigned b;

	if (h->count == 0)
		return 0;
	for (b = 0; b < BENCH_HISTOGRAM_BUCKETS; b++) {
		seen += h->bucket[b];
		if (seen > want || seen == h->count)
			break;
	}
	top = bucket_top(b);
	return (double)(top < h->max_ns ? top : h->max_ns) / 1000.0;
}
