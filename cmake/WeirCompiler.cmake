# Compiler settings that every target of the project shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# What one module finds, the tests that link it see too.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIR_CCACHE})
endif()
find_program(WEIR_MOLD mold)
if(WEIR_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(weir_options INTERFACE)
target_include_directories(weir_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wimplicit-fallthrough -Wformat=2
  # Options structs are filled by designated initialisers; what is not named has its default.
  -Wno-missing-field-initializers
  -Werror -g1 -fno-omit-frame-pointer
  # g++ 12 reports these falsely in inlined library code.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds>)
target_compile_definitions(weir_options INTERFACE
  $<$<CONFIG:Debug>:WEIR_DEBUG_CHECKS=1> WEIR_VERSION="${PROJECT_VERSION}")

# g++ collects the garbage of its own memory many times a source; below half a gigabyte it need not.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:--param ggc-min-heapsize=524288>")
endif()

set(WEIR_OUTER_FLAGS "" CACHE STRING
  "Compiler flags for what no packet passes: control, app and the tests, which are most of what a build compiles")
set(WEIR_SANITIZE "" CACHE STRING "address;undefined or thread")
if(WEIR_SANITIZE)
  list(JOIN WEIR_SANITIZE "," weir_sanitize)
  add_compile_options(-fsanitize=${weir_sanitize} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${weir_sanitize})
endif()
