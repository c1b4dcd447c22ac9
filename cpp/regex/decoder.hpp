// Bytes to characters, one byte at a time, as a codec of the grammar writes them.
#pragma once

#include <cstdint>

#include "../grammar/ir.hpp"

namespace tamis::regex {

class Decoder {
 public:
  // How far into a character one is, 0 between characters.
  using State = std::uint32_t;

  struct Step {
    enum class Kind : std::uint8_t { kDead, kInside, kCharacter } kind;
    std::uint32_t value = 0;  // the state, or the character
  };

  explicit Decoder(Codec codec) : codec_(codec) {}

  Step step(State state, std::uint8_t byte) const;

 private:
  Codec codec_;
};

}  // namespace tamis::regex
