# One place for how everything in this tree is compiled.
add_library(toolpost_flags INTERFACE)
target_compile_options(toolpost_flags INTERFACE
	-Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings
	-Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough
	-fno-common -fstack-protector-strong -fvisibility=hidden)
target_compile_definitions(toolpost_flags INTERFACE
	_POSIX_C_SOURCE=200809L _DEFAULT_SOURCE
	TOOLPOST_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
	target_compile_definitions(toolpost_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
# A build that counts lines: runners write their counters there as they end.
if(CMAKE_C_FLAGS MATCHES "--coverage")
	target_compile_definitions(toolpost_flags INTERFACE
		TOOLPOST_COUNTERS="${PROJECT_BINARY_DIR}")
endif()
target_include_directories(toolpost_flags INTERFACE
	${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/sdk/include)
target_link_libraries(toolpost_flags INTERFACE Threads::Threads)
