/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers by exact value.  A literal becomes 0.DDD x 10^point with no zero at
 * either end of its digits; nothing is rounded before somebody asks for a
 * double. */
#include "data/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "data/json_priv.h"

/* Larger than what any 1,024 digits can shift, smaller than an overflow. */
#define EXPONENT_FAR INT64_C(1000000000)

struct decimal {
	struct str exponent; /* its digits; may be empty */
	int64_t scale; /* the point, before the exponent moves it */
	size_t len; /* 0: the value is zero */
	bool negative;
	bool exponent_negative;
	char digits[JSON_NUMBER_MAX];
};

static void
decimal_exponent(struct decimal *d, const char *p, const char *end)
{
	if (p < end && (*p == '+' || *p == '-'))
		d->exponent_negative = *p++ == '-';
	d->exponent = (struct str){ p, (size_t)(end - p) };
}

static void
decimal_read(struct decimal *d, const struct json_node *n)
{
	const char *p = n->raw, *end = n->raw + n->raw_len;
	bool fraction = false;

	d->exponent = STR_NONE;
	d->exponent_negative = false;
	d->scale = 0;
	d->len = 0;
	d->negative = *p == '-';
	p += d->negative;
	for (; p < end; p++) {
		if (*p == 'e' || *p == 'E') {
			decimal_exponent(d, p + 1, end);
			break;
		}
		if (*p == '.') {
			fraction = true;
			continue;
		}
		if (d->len > 0 || *p != '0') {
			d->digits[d->len++] = *p;
			d->scale += !fraction;
		} else {
			d->scale -= fraction;
		}
	}
	while (d->len > 0 && d->digits[d->len - 1] == '0')
		d->len--;
}

/* Where the point stands, counted from before the first digit; far away is
 * only known to be far. */
static int64_t
decimal_point(const struct decimal *d)
{
	int64_t e = 0;

	for (size_t i = 0; i < d->exponent.len && e < EXPONENT_FAR; i++)
		e = e * 10 + (d->exponent.ptr[i] - '0');
	return d->scale + (d->exponent_negative ? -e : e);
}

/* The i-th of width places of a right-aligned exponent, with its sign. */
static int
exponent_digit(const struct decimal *d, size_t i, size_t width)
{
	size_t pad = width - d->exponent.len;
	int digit = i < pad ? 0 : d->exponent.ptr[i - pad] - '0';

	return d->exponent_negative ? -digit : digit;
}

/* Exact order of two points whatever the length of the exponents: once the
 * difference is beyond what later digits and scales can bring back, its sign
 * is the answer. */
static int
point_compare(const struct decimal *a, const struct decimal *b)
{
	size_t width = a->exponent.len > b->exponent.len ? a->exponent.len
							 : b->exponent.len;
	int64_t diff = 0;

	for (size_t i = 0; i < width; i++) {
		diff = diff * 10 + exponent_digit(a, i, width)
		    - exponent_digit(b, i, width);
		if (diff > EXPONENT_FAR || diff < -EXPONENT_FAR)
			return diff > 0 ? 1 : -1;
	}
	diff += a->scale - b->scale;
	return (diff > 0) - (diff < 0);
}

/* Without the signs. */
static int
magnitude_compare(const struct decimal *a, const struct decimal *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order;

	if (a->len == 0 || b->len == 0)
		return (a->len > 0) - (b->len > 0);
	order = point_compare(a, b);
	if (order == 0)
		order = memcmp(a->digits, b->digits, len);
	if (order == 0)
		order = (a->len > len) - (b->len > len);
	return order;
}

int
json_number_compare(const struct json_node *a, const struct json_node *b)
{
	struct decimal x, y;

	decimal_read(&x, a);
	decimal_read(&y, b);
	if (x.len == 0 && y.len == 0)
		return 0;
	if (x.len == 0)
		return y.negative ? 1 : -1;
	if (y.len == 0 || x.negative != y.negative)
		return x.negative ? -1 : 1;
	return x.negative ? -magnitude_compare(&x, &y)
			  : magnitude_compare(&x, &y);
}

uint64_t
json_number_hash(const struct json_node *n)
{
	struct decimal d;

	decimal_read(&d, n);
	return hash_bytes((struct str){ d.digits, d.len })
	    + (d.len > 0 && d.negative);
}

/* At most 19 digits of a whole number. */
static int
whole_i64(const struct decimal *d, int64_t point, int64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < (size_t)point; i++) {
		value *= 10;
		if (i < d->len)
			value += (uint64_t)(d->digits[i] - '0');
	}
	if (value > (uint64_t)INT64_MAX + d->negative)
		return ERR_LIMIT;
	if (!d->negative)
		*out = (int64_t)value;
	else
		*out = value == 0 ? 0 : -(int64_t)(value - 1) - 1;
	return 0;
}

int
json_i64(const struct json_node *n, int64_t *out)
{
	struct decimal d;
	int64_t point;

	if (json_type(n) != JSON_NUMBER)
		return ERR_SYNTAX;
	decimal_read(&d, n);
	if (d.len == 0) {
		*out = 0;
		return 0;
	}
	point = decimal_point(&d);
	if (point < (int64_t)d.len)
		return ERR_SYNTAX;
	if (point > 19)
		return ERR_LIMIT;
	return whole_i64(&d, point, out);
}

/* Few digits and a small power of ten: one rounding, so it is exact. */
static bool
double_fast(const struct decimal *d, int64_t power, double *out)
{
	static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
		1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
		1e19, 1e20, 1e21, 1e22 };
	int64_t whole = 0;

	if (FLT_EVAL_METHOD != 0 || d->len > 15 || power < -22 || power > 22)
		return false;
	for (size_t i = 0; i < d->len; i++)
		whole = whole * 10 + (d->digits[i] - '0');
	*out = power < 0 ? (double)whole / tens[-power]
			 : (double)whole * tens[power];
	return true;
}

int
json_double(const struct json_node *n, double *out)
{
	char text[JSON_NUMBER_MAX + 32];
	struct decimal d;
	int64_t power;
	double value;

	if (json_type(n) != JSON_NUMBER)
		return ERR_SYNTAX;
	decimal_read(&d, n);
	power = decimal_point(&d) - (int64_t)d.len;
	if (d.len == 0) {
		value = 0.0;
	} else if (!double_fast(&d, power, &value)) {
		/* Without a point there is nothing for a locale to change. */
		(void)snprintf(text, sizeof text, "%.*se%lld", (int)d.len,
		    d.digits, (long long)power);
		value = strtod(text, NULL);
	}
	if (isinf(value))
		return ERR_LIMIT;
	*out = d.negative ? -value : value;
	return 0;
}
