#include "server/dashboard/page_files.h"

namespace sluice {

const PageFile* FindPageFile(std::string_view path) {
  if (path == "/") path = "/index.html";
  for (const PageFile& file : PageFiles()) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

}  // namespace sluice
