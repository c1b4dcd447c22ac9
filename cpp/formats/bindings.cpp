#include "bindings.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "host_machine.hpp"
#include "pattern_machine.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace tamis::formats {
namespace {

std::shared_ptr<MachineSource> source(SpelledSource::Maker maker, bool accepts_empty, int codec) {
  if (codec < 0 || codec > 2) throw nb::value_error("codec must be 0 (bytes), 1 (UTF-8) or 2 (JSON string)");
  return std::make_shared<SpelledSource>(std::move(maker), accepts_empty, static_cast<Codec>(codec));
}

std::shared_ptr<MachineSource> format_machine(const std::string& name, int codec) {
  if (name == "a-label") return source([] { return host_machine(HostPart::kALabel); }, false, codec);
  if (name == "idn-hostname") return source([] { return host_machine(HostPart::kName); }, false, codec);
  throw nb::value_error(("there is no machine for " + name).c_str());
}

std::shared_ptr<MachineSource> make_pattern_machine(const std::vector<std::string>& properties,
                                                    PatternTables::Ranges identifier_start,
                                                    PatternTables::Ranges identifier_part, int codec) {
  const auto tables = std::make_shared<PatternTables>();
  for (const std::string& name : properties) tables->properties.emplace_back(name.begin(), name.end());
  tables->identifier_start = std::move(identifier_start);
  tables->identifier_part = std::move(identifier_part);
  if (!std::is_sorted(tables->properties.begin(), tables->properties.end()) ||
      !std::is_sorted(tables->identifier_start.begin(), tables->identifier_start.end()) ||
      !std::is_sorted(tables->identifier_part.begin(), tables->identifier_part.end())) {
    throw nb::value_error("the properties and the ranges of characters must be sorted");
  }
  return source([tables] { return pattern_machine(tables); }, true, codec);
}

}  // namespace

void bind_formats(nb::module_& m) {
  m.def("format_machine", &format_machine, "name"_a, "codec"_a,
        "What no regular expression says of formats: \"a-label\" (of host names, RFC 5890), \"idn-hostname\".");
  m.def("pattern_machine", &make_pattern_machine, "properties"_a, "identifier_start"_a, "identifier_part"_a, "codec"_a,
        "The format \"regex\": expressions of ECMA-262 with the flag u. Sorted: what \\p{...} may hold, in ASCII, and "
        "the inclusive ranges of characters that may begin and continue the names of groups.");
}

}  // namespace tamis::formats
