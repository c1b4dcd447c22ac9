// What no regular expression tells of the names of hosts: labels beyond ASCII, and their ASCII forms.
#pragma once

#include <memory>

#include "character_machine.hpp"

namespace tamis::formats {

enum class HostPart {
  kALabel,  // xn-- and Punycode of a U-label
  kName,    // labels of all kinds, with a dot or an ideographic one between them
};

std::unique_ptr<CharacterMachine> host_machine(HostPart part);

}  // namespace tamis::formats
