#include "server/config/client_id.h"

#include "server/runtime/text.h"

namespace sluice {

std::string DerivedClientId(std::string host_name, std::string_view connection) {
  for (char& c : host_name) {
    if (!text::IsAlnum(c) && c != '_' && c != '.') c = '-';
  }
  return text::Concat("sluice-", host_name, "-", connection);
}

}  // namespace sluice
