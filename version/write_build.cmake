# Writes OUTPUT, a source file, unless it says the same already: VERSION, COMMIT (or what git says of SOURCE), TYPE, SANITIZE, COMPILER.
if(NOT COMMIT AND EXISTS ${SOURCE}/.git)
  # A clone of somebody else (a container's volume) is read all the same.
  set(git git -c safe.directory=* -C ${SOURCE})
  execute_process(COMMAND ${git} rev-parse --short=12 HEAD OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${git} --no-optional-locks diff --quiet HEAD RESULT_VARIABLE differs ERROR_QUIET)
  if(COMMIT AND NOT differs EQUAL 0)
    string(APPEND COMMIT -dirty)
  endif()
endif()
if(NOT COMMIT)
  set(COMMIT unknown)
endif()
if(SANITIZE)
  string(APPEND TYPE " with ${SANITIZE}")
endif()
set(text "#include \"version/version.h\"

namespace sluice {

std::string_view BuildText() { return \"${VERSION} (commit ${COMMIT}, ${TYPE}, ${COMPILER})\"; }

}  // namespace sluice
")
set(former "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} former)
endif()
if(NOT former STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
