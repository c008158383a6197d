/* SPDX-License-Identifier: Apache-2.0 */
/* Text of others through base/: whatever comes in, what goes out is UTF-8
 * without controls, and views stay inside their string. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
escape(struct str in, enum escape_style style)
{
	char unit[ESCAPE_UNIT_MAX];

	while (in.len > 0) {
		size_t before = in.len;
		size_t len = escape_next(&in, style, unit);

		CHECK(in.len < before && len > 0 && len <= sizeof unit);
		CHECK(str_is_utf8((struct str){ unit, len }));
		for (size_t i = 0; i < len; i++)
			CHECK(
			    (unsigned char)unit[i] >= 0x20 && unit[i] != 0x7F);
	}
}

static void
cut(struct str in)
{
	struct str rest, head = str_split(in, '=', &rest);
	struct str trimmed = str_trim(in);

	CHECK(head.len + rest.len <= in.len);
	CHECK(trimmed.len <= in.len);
	CHECK(str_starts(in, head) && str_ends(in, rest));
}

static void
number(struct str in)
{
	struct buf out;
	int64_t n;

	if (str_to_i64(in, &n) < 0)
		return;
	buf_init(&out);
	buf_i64(&out, n);
	CHECK(str_to_i64(buf_view(&out), &(int64_t){ 0 }) == 0);
	CHECK(out.len <= in.len);
	buf_finish(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "description", "title", "name" };
	struct str in = { (const char *)data, size };
	struct buf out;

	buf_init(&out);
	for (int style = ESCAPE_JSON; style <= ESCAPE_PLAIN; style++)
		escape(in, (enum escape_style)style);
	cut(in);
	number(in);
	(void)str_nearest(in, names, ARRAY_LEN(names));
	buf_base64(&out, in);
	CHECK(out.len == (size + 2) / 3 * 4);
	buf_finish(&out);
	return 0;
}
