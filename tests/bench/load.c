/* SPDX-License-Identifier: Apache-2.0 */
/* load: a closed-loop client that checks every answer and prints what it
 * found as one JSON object. It exits with 1 when any answer was wrong. */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
load_wrong(struct load_result *r, const char *format, ...)
{
	va_list ap;

	if (r->errors++ > 0)
		return;
	va_start(ap, format);
	vsnprintf(r->wrong, sizeof r->wrong, format, ap);
	va_end(ap);
}

static void
usage(void)
{
	fprintf(stderr,
	    "usage: load w1|w2 --port N [--address ADDR] [--path PATH]\n"
	    "            [--connections N] [--warm S] [--seconds S]\n"
	    "            [--sessions yes|no] [--constant] [--server PID]\n"
	    "       load w5p|w5l [--messages N] [--handshake yes|no]\n"
	    "            [--server-cpu N] -- COMMAND ...\n");
	exit(2);
}

static bool
yes(const char *word)
{
	if (strcmp(word, "yes") != 0 && strcmp(word, "no") != 0)
		usage();
	return word[0] == 'y';
}

static unsigned
number(const char *word, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (*word == '\0' || *end != '\0' || n > max)
		usage();
	return (unsigned)n;
}

static void
set_workload(struct load_options *o, const char *name)
{
	o->name = name;
	if (strcmp(name, "w1") == 0) {
		o->workload = REQUESTS_W1;
	} else if (strcmp(name, "w2") == 0) {
		o->workload = REQUESTS_W2;
		o->sessions = false;
	} else if (strcmp(name, "w5p") == 0) {
		o->kind = LOAD_STDIO;
		o->window = 256;
		o->messages = 3000000;
	} else if (strcmp(name, "w5l") == 0) {
		o->kind = LOAD_STDIO;
		o->window = 1;
		o->messages = 30000;
	} else {
		usage();
	}
}

static void
set_option(struct load_options *o, int option)
{
	switch (option) {
	case 'p':
		o->port = number(optarg, 65535);
		break;
	case 'a':
		o->address = optarg;
		break;
	case 'P':
		o->path = optarg;
		break;
	case 'c':
		o->connections = number(optarg, LOAD_CONNECTIONS_MAX);
		break;
	case 'w':
		o->warm_s = strtod(optarg, NULL);
		break;
	case 's':
		o->measure_s = strtod(optarg, NULL);
		break;
	case 'S':
		o->sessions = yes(optarg) && o->workload == REQUESTS_W1;
		break;
	case 'k':
		o->constant = true;
		break;
	case 'i':
		o->server = (pid_t)number(optarg, 1ul << 30);
		break;
	case 'm':
		o->messages = number(optarg, 8000000);
		break;
	case 'H':
		o->handshake = yes(optarg);
		break;
	case 'C':
		o->server_cpu = (int)number(optarg, 1023);
		break;
	default:
		usage();
	}
}

static void
options_parse(struct load_options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "address", required_argument, NULL, 'a' },
		{ "path", required_argument, NULL, 'P' },
		{ "connections", required_argument, NULL, 'c' },
		{ "warm", required_argument, NULL, 'w' },
		{ "seconds", required_argument, NULL, 's' },
		{ "sessions", required_argument, NULL, 'S' },
		{ "constant", no_argument, NULL, 'k' },
		{ "server", required_argument, NULL, 'i' },
		{ "messages", required_argument, NULL, 'm' },
		{ "handshake", required_argument, NULL, 'H' },
		{ "server-cpu", required_argument, NULL, 'C' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	if (argc < 2)
		usage();
	set_workload(o, argv[1]);
	optind = 2;
	while ((option = getopt_long(argc, argv, "+", names, NULL)) != -1)
		set_option(o, option);
	o->command = argv + optind;
	if (o->kind == LOAD_STDIO
		? *o->command == NULL
		: o->port == 0 || *o->command != NULL || o->connections == 0)
		usage();
}

static void
print_text(const char *name, const char *text)
{
	printf("\"%s\":\"", name);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	printf("\"");
}

static void
print_result(const struct load_options *o, const struct load_result *r)
{
	double n = (double)r->answers;
	double s = r->seconds > 0 ? r->seconds : 1;

	printf("{\"workload\":\"%s\",\"answers\":%llu,\"seconds\":%.3f,",
	    o->name, (unsigned long long)r->answers, r->seconds);
	printf("\"rate\":%.0f,\"p50_us\":%.2f,\"p90_us\":%.2f,", n / s,
	    histogram_quantile_us(&r->latency, 0.5),
	    histogram_quantile_us(&r->latency, 0.9));
	printf("\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.2f,",
	    histogram_quantile_us(&r->latency, 0.99),
	    histogram_quantile_us(&r->latency, 0.999),
	    (double)r->latency.max_ns / 1000.0);
	printf("\"client_cpu\":%.3f,\"server_cpu_s\":%.2f,",
	    r->client_cpu_s / s, r->server_cpu_s);
	printf("\"cpu_per_100k\":%.4f,\"server_rss_kb\":%ld,",
	    n > 0 ? r->server_cpu_s * 1e5 / n : 0, r->server_rss_kb);
	printf("\"server_processes\":%u,\"start_ms\":%.1f,",
	    r->server_processes, r->start_ms);
	printf("\"fewest\":%llu,\"most\":%llu,\"errors\":%llu,",
	    (unsigned long long)r->fewest, (unsigned long long)r->most,
	    (unsigned long long)r->errors);
	printf("\"all\":%llu,", (unsigned long long)r->all);
	print_text("wrong", r->wrong);
	printf("}\n");
}

int
main(int argc, char **argv)
{
	static struct load_result result;
	struct load_options o = {
		.address = "127.0.0.1",
		.path = "/mcp",
		.connections = 64,
		.warm_s = 1,
		.measure_s = 5,
		.sessions = true,
		.handshake = true,
		.server_cpu = -1,
	};

	options_parse(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (o.kind == LOAD_STDIO)
		load_stdio(&o, &result);
	else
		load_http(&o, &result);
	if (result.answers == 0)
		load_wrong(&result, "no answer in the measured time");
	print_result(&o, &result);
	return result.errors > 0;
}
