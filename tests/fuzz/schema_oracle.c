/* SPDX-License-Identifier: Apache-2.0 */
/* Our verdicts for another engine to be compared with.  A line of input is
 *	{"schema":..,"instances":[..]}
 * and gives a line of output: a character for each instance, 1 valid, 0
 * invalid, ? gave up; or "E" and the message when the schema was refused.
 *
 * With an argument, milliseconds of CPU, the line is what it costs instead:
 * nanoseconds a validation, of values that are parsed, and nanoseconds to
 * parse and validate. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "data/schema.h"
#include "schema_fully.h"

#define INSTANCES_MAX 256
#define LOOK_AT_CLOCK 64 /* validations between two looks */

static struct json_doc instances[INSTANCES_MAX];
static volatile size_t sink; /* what is measured must have an effect */

static double
cpu_ns(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
print_verdicts(const struct schema *s, size_t len)
{
	struct schema_report report;

	schema_report_init(&report);
	for (size_t i = 0; i < len; i++) {
		const struct json_node *n = instances[i].nodes;
		bool valid = schema_valid_twice(s, n);

		/* The short way and the way with words must agree. */
		CHECK(schema_validate(s, n, &report) == valid);
		(void)putchar(valid ? '1' : report.exhausted ? '?' : '0');
	}
	schema_report_finish(&report);
}

/* Runs all instances in turn until ns have passed. */
static double
time_validations(const struct schema *s, size_t len, double ns)
{
	double begin = cpu_ns(), passed = 0;
	size_t n = 0;

	while (passed < ns) {
		for (size_t k = 0; k < LOOK_AT_CLOCK; k++)
			for (size_t i = 0; i < len; i++)
				sink += schema_validate(
				    s, instances[i].nodes, NULL);
		n += LOOK_AT_CLOCK * len;
		passed = cpu_ns() - begin;
	}
	return passed / (double)n;
}

static double
time_from_text(const struct schema *s, const struct json_node *list, double ns)
{
	double begin = cpu_ns(), passed = 0;
	size_t n = 0;

	while (passed < ns) {
		for (size_t k = 0; k < LOOK_AT_CLOCK; k++)
			JSON_EACH_ELEMENT (v, list) {
				CHECK(json_parse(&instances[0], json_raw(v),
					  JSON_PROTOCOL)
				    == 0);
				sink += schema_validate(
				    s, instances[0].nodes, NULL);
			}
		n += LOOK_AT_CLOCK * json_count(list);
		passed = cpu_ns() - begin;
	}
	return passed / (double)n;
}

static void
answer(struct str line, double ns)
{
	struct err err = { 0, "" };
	const struct json_node *list;
	struct json_doc doc;
	struct schema *s;
	size_t len = 0;

	json_doc_init(&doc);
	CHECK(json_parse(&doc, line, JSON_GRAMMAR) == 0);
	list = json_get(doc.nodes, S("instances"));
	CHECK(json_count(list) <= INSTANCES_MAX);
	s = schema_compile(
	    json_raw(json_get(doc.nodes, S("schema"))), NULL, NULL, &err);
	JSON_EACH_ELEMENT (v, list)
		CHECK(s == NULL
		    || json_parse(&instances[len++], json_raw(v), JSON_PROTOCOL)
			== 0);
	if (s == NULL) {
		printf("E%s", err.text);
	} else if (ns > 0) {
		(void)time_validations(s, len, ns / 4);
		printf("%.1f", time_validations(s, len, ns));
		printf(" %.1f", time_from_text(s, list, ns));
	} else {
		print_verdicts(s, len);
	}
	(void)putchar('\n');
	schema_destroy(s);
	json_doc_finish(&doc);
}

int
main(int argc, char **argv)
{
	double ns = argc > 1 ? strtod(argv[1], NULL) * 1e6 : 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	for (size_t i = 0; i < INSTANCES_MAX; i++)
		json_doc_init(&instances[i]);
	while ((len = getline(&line, &cap, stdin)) > 0) {
		answer((struct str){ line, (size_t)len }, ns);
		(void)fflush(stdout); /* the other side sees that we ended */
	}
	for (size_t i = 0; i < INSTANCES_MAX; i++)
		json_doc_finish(&instances[i]);
	free(line);
	return 0;
}
