# toolpost_add_plugin(NAME SOURCES file... [MANIFEST file] [LIBRARIES lib...]
#     [TESTS file...] [TEST_ARGS arg...])
#
# Builds NAME.so as a plugin has to be built and puts it, with its manifest
# beside it, into <binary dir>/NAME/ or into ${TOOLPOST_PLUGIN_OUTPUT}/NAME/.
# Each file in TESTS is one program made with <toolpost/test.h>, and one test
# called plugins/NAME (or plugins/FILE where there are several).
include_guard(GLOBAL)

function(toolpost_add_plugin name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "MANIFEST"
		"SOURCES;LIBRARIES;TESTS;TEST_ARGS")
	if(NOT arg_SOURCES)
		message(FATAL_ERROR "toolpost_add_plugin(${name}): SOURCES is empty")
	endif()
	if(NOT arg_MANIFEST)
		set(arg_MANIFEST ${name}.yaml)
	endif()
	if(TOOLPOST_PLUGIN_OUTPUT)
		set(folder ${TOOLPOST_PLUGIN_OUTPUT}/${name})
	else()
		set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name})
	endif()

	add_library(${name} MODULE ${arg_SOURCES})
	set_target_properties(${name} PROPERTIES
		PREFIX "" SUFFIX ".so"
		C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
		POSITION_INDEPENDENT_CODE ON
		LIBRARY_OUTPUT_DIRECTORY ${folder})
	target_link_libraries(${name} PRIVATE toolpost::plugin ${arg_LIBRARIES})
	target_link_options(${name} PRIVATE -Wl,-z,now)
	# A sanitizer leaves its own functions to the program that loads us.
	if(NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
		target_link_options(${name} PRIVATE -Wl,-z,defs)
	endif()

	# What a group may write to is not loaded, whatever the umask here is.
	add_custom_command(TARGET ${name} POST_BUILD
		COMMAND chmod go-w $<TARGET_FILE:${name}> VERBATIM)

	# The manifest comes last: whoever watches the folder sees the pair whole.
	get_filename_component(manifest ${arg_MANIFEST} ABSOLUTE)
	add_custom_command(OUTPUT ${folder}/${name}.yaml
		COMMAND install -m 644 ${manifest} ${folder}/${name}.yaml
		DEPENDS ${manifest} ${name} VERBATIM)
	add_custom_target(${name}_manifest ALL DEPENDS ${folder}/${name}.yaml)

	list(LENGTH arg_TESTS tests)
	if(DEFINED TOOLPOST_TESTS AND NOT TOOLPOST_TESTS)
		set(arg_TESTS "")
	endif()
	foreach(source ${arg_TESTS})
		get_filename_component(test ${source} NAME_WE)
		add_executable(plugin_${test} ${source})
		set_target_properties(plugin_${test} PROPERTIES
			RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
		target_link_libraries(plugin_${test} PRIVATE
			toolpost::plugin Threads::Threads ${CMAKE_DL_LIBS})
		add_dependencies(plugin_${test} ${name}_manifest)
		if(tests EQUAL 1)
			set(test_name plugins/${name})
		else()
			set(test_name plugins/${test})
		endif()
		add_test(NAME ${test_name}
			COMMAND plugin_${test} $<TARGET_FILE:${name}> ${arg_TEST_ARGS})
		set_tests_properties(${test_name} PROPERTIES
			SKIP_RETURN_CODE 77 TIMEOUT 300)
	endforeach()
endfunction()
