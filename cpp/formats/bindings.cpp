#include "bindings.hpp"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "host_machine.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace tamis::formats {
namespace {

std::shared_ptr<MachineSource> format_machine(const std::string& name, int codec) {
  if (codec < 0 || codec > 2) throw nb::value_error("codec must be 0 (bytes), 1 (UTF-8) or 2 (JSON string)");
  const auto source = [&](SpelledSource::Maker maker, bool accepts_empty) {
    return std::make_shared<SpelledSource>(std::move(maker), accepts_empty, static_cast<Codec>(codec));
  };
  if (name == "a-label") return source([] { return host_machine(HostPart::kALabel); }, false);
  if (name == "idn-hostname") return source([] { return host_machine(HostPart::kName); }, false);
  throw nb::value_error(("there is no machine for " + name).c_str());
}

}  // namespace

void bind_formats(nb::module_& m) {
  m.def("format_machine", &format_machine, "name"_a, "codec"_a,
        "What no regular expression says of formats: \"a-label\" (of host names, RFC 5890), \"idn-hostname\".");
}

}  // namespace tamis::formats
