// Machines for what no grammar can say of JSON texts: keys that differ, items that differ, multiples of any number.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../automaton/machine.hpp"
#include "decimal.hpp"

namespace tamis::schema {

// What a machine asks of the keys of one object.
struct KeyDemands {
  std::vector<std::string> names;  // that are known, in UTF-8
  std::vector<bool> required;      // per name
  bool closed = false;             // whether there are no other keys
  std::int64_t least = 0;
  std::int64_t most = -1;  // -1: any number

  bool operator==(const KeyDemands&) const = default;
};

// Texts of objects, provided that they are JSON, whose keys differ and are as demanded.
std::shared_ptr<const MachineSource> keys_machine(KeyDemands demands);

// Texts, provided that they are JSON, in which no object has a key twice and no number an exponent: where a set of
// texts is complemented, values must be written in a way that all sets read.
std::shared_ptr<const MachineSource> plain_text_machine();

// Texts of arrays, provided that they are JSON, whose items differ in value.  `strings`: there are no other items than
// these, so that a beginning of none that is left can be refused.
std::shared_ptr<const MachineSource> distinct_items_machine(std::optional<std::vector<std::string>> strings);

// Plain decimals (no exponent) that are multiples of `step`.
std::shared_ptr<const MachineSource> multiples_machine(const Decimal& step);

}  // namespace tamis::schema
