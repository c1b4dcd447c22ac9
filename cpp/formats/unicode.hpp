// What IDNA asks of code points (RFC 5892, RFC 5893), and normalisation form C among those that it admits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tamis::formats {

enum class Status : std::uint8_t { kDisallowed, kValid, kContextJ, kContextO };
enum class Joining : std::uint8_t { kNone, kLeft, kRight, kDual, kTransparent };
enum class Script : std::uint8_t { kOther, kGreek, kHebrew, kKanaOrHan };
enum class Bidi : std::uint8_t { kOther, kL, kR, kAL, kAN, kEN, kES, kCS, kET, kON, kBN, kNSM };

struct Properties {
  Status status;
  bool mark;
  Joining joining;
  Script script;
  Bidi bidi;
  std::uint8_t combining_class;
};

// Of disallowed code points nothing else is known.
Properties properties(char32_t code);

// Whether a text of allowed code points is in normalisation form C.  So is every beginning of one that is.
bool is_nfc(std::u32string_view text);

}  // namespace tamis::formats
