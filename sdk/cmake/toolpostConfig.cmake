# find_package(toolpost) gives the target toolpost::plugin (headers only) and
# toolpost_add_plugin().
find_package(Threads QUIET)

if(NOT TARGET toolpost::plugin)
	# In the source tree, then as installed.
	find_path(TOOLPOST_INCLUDE_DIR toolpost/abi.h
		HINTS ${CMAKE_CURRENT_LIST_DIR}/../include
			${CMAKE_CURRENT_LIST_DIR}/../../../include)
	if(NOT TOOLPOST_INCLUDE_DIR)
		set(toolpost_FOUND FALSE)
		set(toolpost_NOT_FOUND_MESSAGE "toolpost/abi.h was not found")
		return()
	endif()
	add_library(toolpost::plugin INTERFACE IMPORTED)
	set_target_properties(toolpost::plugin PROPERTIES
		INTERFACE_INCLUDE_DIRECTORIES ${TOOLPOST_INCLUDE_DIR})
endif()

include(${CMAKE_CURRENT_LIST_DIR}/ToolpostPlugin.cmake)
