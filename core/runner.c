/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/runner_main.h"

int
main(int argc, char **argv)
{
	return plugin_runner_main(argc, argv);
}
