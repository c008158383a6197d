/* SPDX-License-Identifier: Apache-2.0 */
/* The empty network: entered by root and by who is not, as far as this kernel
 * and its keepers let them. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/wait.h>

#include <unistd.h>

#include "base/log.h"
#include "plugin/network.h"
#include "unit/unit.h"

#define FIRST_FD 200

static ino_t
network_now(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) == 0 ? st.st_ino : 0;
}

/* As a runner does. */
static int
runner(const int *fds, unsigned n)
{
	ino_t before = network_now();

	for (unsigned i = 0; i < n; i++)
		if (dup2(fds[i], FIRST_FD + (int)i) < 0)
			return 2;
	if (!plugin_network_enter(FIRST_FD))
		return network_now() == before ? 0 : 3; /* it may not */
	return network_now() != before ? 0 : 4;
}

static int
ended(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int
server(bool as_root)
{
	int fds[NETWORK_FDS], again[NETWORK_FDS];
	struct plugin_network *net;
	ino_t before = network_now();
	int status = 0;
	unsigned n;
	pid_t pid;

	if (!as_root && geteuid() == 0 && setresuid(12345, 12345, 12345) < 0)
		return 5;
	net = plugin_network_create();
	n = plugin_network_fds(net, fds);
	if (plugin_network_fds(net, again) != n || (n > 0 && again[0] != fds[0])
	    || network_now() != before)
		return 6;
	if (n > 0) {
		pid = fork();
		if (pid == 0)
			_exit(runner(fds, n));
		status = ended(pid);
	}
	plugin_network_destroy(net);
	return status == 0 ? 0 : 7;
}

static int
server_status(bool as_root)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(server(as_root));
	return ended(pid);
}

START_TEST(runners_go_there_and_the_server_stays)
{
	ck_assert_int_eq(server_status(true), 0);
	ck_assert_int_eq(server_status(false), 0);
}
END_TEST

START_TEST(without_a_descriptor_a_runner_stays)
{
	ck_assert(!plugin_network_enter(FIRST_FD));
	plugin_network_destroy(NULL);
}
END_TEST

UNIT_MAIN("plugin/network", runners_go_there_and_the_server_stays,
    without_a_descriptor_a_runner_stays)
