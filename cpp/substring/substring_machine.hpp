// The pieces of a text as a machine: runs of whole characters, words or lines, and the empty text.
#pragma once

#include <memory>
#include <string_view>

#include "../automaton/machine.hpp"

namespace tamis {

enum class SubstringUnit {
  kCharacters,
  kWords,  // as blanks of ASCII separate them; what is between two words is as in the text
  kLines,  // each with its "\n"; that of a piece's last line may be left out
};

// The text is UTF-8.
std::shared_ptr<MachineSource> substring_source(std::string_view text, SubstringUnit unit);

}  // namespace tamis
