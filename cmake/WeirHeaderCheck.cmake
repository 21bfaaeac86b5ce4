# weir_header_check(): every header of src/ and tests/support/ compiles alone. A source that includes its header before
# all else (clang-format sees to the order) shows it of that one. For each other header one generated file includes
# nothing but it; the object library header_check compiles them, so a header that leans on its includers breaks the
# build of the tests.
function(weir_header_check)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
       ${PROJECT_SOURCE_DIR}/src/*.h ${PROJECT_SOURCE_DIR}/tests/support/*.h)
  set(sources)
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "^(src|tests)/" "" included ${header})
    string(REGEX REPLACE "\\.h$" ".cc" source ${header})
    if(EXISTS ${PROJECT_SOURCE_DIR}/${source})
      file(STRINGS ${PROJECT_SOURCE_DIR}/${source} first LIMIT_COUNT 1 REGEX "^#include ")
      if(first STREQUAL "#include \"${included}\"")
        continue()
      endif()
    endif()
    set(source ${PROJECT_BINARY_DIR}/header_check/${source})
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@included@\"\n" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  add_library(header_check OBJECT ${sources})
  # The app links all modules: its include folders are all there are.
  target_link_libraries(header_check PRIVATE weir_options weir_app GTest::gtest GTest::gmock)
  target_include_directories(header_check PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  # Only whether they compile matters: no optimisation, no instrumentation, no debug information.
  target_compile_options(header_check PRIVATE -O0 -g0 -fno-sanitize=all)
  # Headers need no library to be built first.
  set_target_properties(header_check PROPERTIES OPTIMIZE_DEPENDENCIES ON)
endfunction()
