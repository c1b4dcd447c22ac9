// The texts that are regular expressions of ECMA-262 (2025) with the flag u: the grammar Pattern[+UnicodeMode,
// +NamedCaptureGroups] of its section 22.2.1 with the early errors of 22.2.1.1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "character_machine.hpp"

namespace tamis::formats {

// What Unicode says, sorted: what \p{...} may hold, and the first and last characters of ranges.
struct PatternTables {
  using Ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
  std::vector<std::u32string> properties;
  Ranges identifier_start, identifier_part;  // of the names of groups
};

std::unique_ptr<CharacterMachine> pattern_machine(std::shared_ptr<const PatternTables> tables);

}  // namespace tamis::formats
