#include "json_lexer.hpp"

#include "value.hpp"

namespace tamis::schema {
namespace {

int hexadecimal(std::uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void StringReading::put(StringTree& tree, std::uint32_t code_point) {
  std::string bytes;
  append_utf8(bytes, code_point);
  for (const char c : bytes) node = tree.child(node, static_cast<std::uint8_t>(c));
  escape = unit = high = 0;
}

StringReading::Outcome StringReading::step(StringTree& tree, std::uint8_t byte) {
  switch (escape) {
    case 0:
      if (byte == '"') return Outcome::kEnds;
      if (byte < 0x20) return Outcome::kBad;
      if (byte == '\\') {
        escape = 1;
      } else {
        node = tree.child(node, byte);
      }
      return Outcome::kGoesOn;
    case 1: {
      static constexpr char kLetters[] = "\"\\/bfnrt";
      static constexpr char kMeanings[] = "\"\\/\b\f\n\r\t";
      if (byte == 'u') {
        escape = 4;
        return Outcome::kGoesOn;
      }
      for (std::size_t i = 0; kLetters[i] != '\0'; ++i) {
        if (byte == static_cast<std::uint8_t>(kLetters[i])) {
          put(tree, static_cast<std::uint8_t>(kMeanings[i]));
          return Outcome::kGoesOn;
        }
      }
      return Outcome::kBad;
    }
    case 2:
      if (byte != '\\') return Outcome::kBad;
      escape = 3;
      return Outcome::kGoesOn;
    case 3:
      if (byte != 'u') return Outcome::kBad;
      escape = 4;
      return Outcome::kGoesOn;
    default: {
      const int digit = hexadecimal(byte);
      if (digit < 0) return Outcome::kBad;
      unit = unit * 16 + static_cast<std::uint32_t>(digit);
      if (++escape < 8) return Outcome::kGoesOn;
      if (high != 0) {
        if (unit < 0xDC00 || unit > 0xDFFF) return Outcome::kBad;
        put(tree, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
      } else if (unit >= 0xD800 && unit <= 0xDBFF) {
        high = unit;
        unit = 0;
        escape = 2;
      } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
        return Outcome::kBad;
      } else {
        put(tree, unit);
      }
      return Outcome::kGoesOn;
    }
  }
}

}  // namespace tamis::schema
